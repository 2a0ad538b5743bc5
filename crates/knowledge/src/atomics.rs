//! Atomic Red Team: one YAML file per technique.

use shikra_syntax::yaml::{Core, Node};

use crate::details::{AtomicTest, Details, Input, Need};
use crate::error::Error;
use crate::files::{first, items, text, texts};
use crate::model::{Entity, Kind, Link, Part, Relates};

/// Reads the tests of a technique.
///
/// # Errors
/// Where it is no such file.
pub fn load(yaml: &str) -> Result<Part, Error> {
    first(yaml, part)
}

fn part(root: &Node<'_>) -> Option<Part> {
    let technique = text(root, "attack_technique");
    let tests = root.get("atomic_tests")?.items();
    let mut part = Part { title: "Atomic Red Team".to_owned(), ..Part::default() };
    for (i, test) in tests.iter().enumerate() {
        let mut id = text(test, "auto_generated_guid");
        if id.is_empty() {
            id = format!("{technique}-{}", i + 1);
        }
        let mut e = Entity::new(Kind::Atomic, id, text(test, "name"));
        e.description = text(test, "description");
        e.platforms = texts(test, "supported_platforms");
        e.url = format!(
            "https://github.com/redcanaryco/atomic-red-team/blob/master/atomics/{technique}/{technique}.md"
        );
        e.details = Details::Atomic(atomic(&technique, i + 1, test));
        part.links.push(Link::new(e.id.clone(), Relates::Tests, technique.clone()));
        part.entities.push(e);
    }
    (!technique.is_empty()).then_some(part)
}

fn atomic(technique: &str, number: usize, test: &Node<'_>) -> AtomicTest {
    let none = Vec::new();
    let executor = test.get("executor");
    let of = |key: &str| executor.map_or_else(String::new, |e| text(e, key));
    let command = Some(of("command")).filter(|c| !c.is_empty()).unwrap_or_else(|| of("steps"));
    let inputs = test.get("input_arguments").map_or(none.as_slice(), |n| n.entries());
    AtomicTest {
        technique: technique.to_owned(),
        number,
        executor: of("name"),
        elevated: executor
            .and_then(|e| e.get("elevation_required"))
            .is_some_and(|n| n.core() == Core::Bool(true)),
        command,
        cleanup: of("cleanup_command"),
        inputs: inputs
            .iter()
            .map(|(name, input)| Input {
                name: name.text().unwrap_or("").to_owned(),
                description: text(input, "description"),
                kind: text(input, "type"),
                default: text(input, "default"),
            })
            .collect(),
        needs: items(test, "dependencies")
            .iter()
            .map(|n| Need {
                description: text(n, "description"),
                check: text(n, "prereq_command"),
                get: text(n, "get_prereq_command"),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_tests() {
        let part = load(
            "attack_technique: T1\ndisplay_name: 'X: Y'\natomic_tests:\n- name: First\n  auto_generated_guid: aa\n  supported_platforms: [windows]\n  input_arguments:\n    path: {description: d, type: path, default: C:\\x}\n  dependencies:\n  - description: file\n    prereq_command: check\n    get_prereq_command: get\n  executor:\n    name: command_prompt\n    elevation_required: true\n    command: |\n      run #{path}\n- name: Second\n  executor: {name: manual, steps: 'do it'}\n",
        )
        .unwrap();
        let Details::Atomic(first) = &part.entities[0].details else { panic!() };
        assert_eq!((first.command.as_str(), first.elevated, first.number), ("run #{path}", true, 1));
        assert_eq!(first.inputs[0].default, r"C:\x");
        assert_eq!(first.needs[0].get, "get");
        let Details::Atomic(second) = &part.entities[1].details else { panic!() };
        assert_eq!((second.command.as_str(), part.entities[1].id.as_str()), ("do it", "T1-2"));
        assert_eq!(part.links[0].to, "T1");
        assert_eq!(load("a: 1"), Err(Error::Unknown));
    }
}
