//! LOLBAS: one YAML file per program.

use shikra_syntax::yaml::Node;

use crate::details::{Details, Lolbas, LolbasCommand};
use crate::error::Error;
use crate::files::{first, items, text};
use crate::model::{Entity, Kind, Link, Part, Reference, Relates};

/// Reads an entry.
///
/// # Errors
/// Where it is none.
pub fn load(yaml: &str) -> Result<Part, Error> {
    first(yaml, part)
}

fn part(root: &Node<'_>) -> Option<Part> {
    let name = text(root, "Name");
    let commands: Vec<LolbasCommand> = root.get("Commands")?.items().iter().map(command).collect();
    if name.is_empty() {
        return None;
    }
    let mut e = Entity::new(Kind::Lolbas, name.clone(), name.clone());
    e.description = text(root, "Description");
    e.platforms = vec!["Windows".to_owned()];
    if let Some((stem, _)) = name.rsplit_once('.') {
        e.aliases.push(stem.to_owned());
    }
    let link = |n: &Node<'_>| Reference { name: String::new(), text: String::new(), url: text(n, "Link") };
    e.references = items(root, "Resources").iter().map(link).filter(|r| !r.url.is_empty()).collect();
    let mut part = Part { title: "LOLBAS".to_owned(), ..Part::default() };
    for c in commands.iter().filter(|c| !c.technique.is_empty()) {
        if !part.links.iter().any(|l| l.to == c.technique) {
            part.links.push(Link::new(name.clone(), Relates::Serves, c.technique.clone()));
        }
    }
    let detections = items(root, "Detection").iter().flat_map(|d| d.entries());
    e.details = Details::Lolbas(Lolbas {
        paths: items(root, "Full_Path").iter().map(|p| text(p, "Path")).filter(|p| !p.is_empty()).collect(),
        commands,
        detections: detections
            .filter_map(|(kind, what)| Some((kind.text()?.to_owned(), what.text()?.to_owned())))
            .collect(),
    });
    part.entities.push(e);
    Some(part)
}

fn command(node: &Node<'_>) -> LolbasCommand {
    LolbasCommand {
        command: text(node, "Command"),
        description: text(node, "Description"),
        usecase: text(node, "Usecase"),
        category: text(node, "Category"),
        privileges: text(node, "Privileges"),
        technique: text(node, "MitreID"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry() {
        let part = load(
            "---\nName: X.exe\nDescription: Does x.\nCommands:\n  - Command: x.exe /a {PATH:.inf}\n    Category: Execute\n    MitreID: T1\n  - Command: x.exe /b\n    MitreID: T1\nFull_Path:\n  - Path: C:\\x.exe\nDetection:\n  - IOC: x.exe runs\n  - Sigma: https://example.org\n",
        )
        .unwrap();
        assert_eq!(part.links.len(), 1);
        let Details::Lolbas(l) = &part.entities[0].details else { panic!() };
        assert_eq!((l.commands.len(), l.paths.len(), l.detections.len()), (2, 1, 2));
        assert_eq!(part.entities[0].aliases, ["X"]);
        assert_eq!(load("Name: x\n"), Err(Error::Unknown));
    }
}
