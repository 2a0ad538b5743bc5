//! The Cyber Analytics Repository: analytics, objects of the data model, what sensors see of it.

use shikra_syntax::yaml::Node;

use crate::details::{Car, CarObject, Details, SensorMapping};
use crate::error::Error;
use crate::files::{first, items, text, texts};
use crate::model::{Entity, Kind, Link, Part, Reference, Relates};

/// Reads a file of any of the three kinds.
///
/// # Errors
/// Where it is none.
pub fn load(yaml: &str) -> Result<Part, Error> {
    first(yaml, |root| analytic(root).or_else(|| sensor(root)).or_else(|| object(root)))
}

fn title() -> Part {
    Part { title: "CAR".to_owned(), ..Part::default() }
}

fn analytic(root: &Node<'_>) -> Option<Part> {
    let id = text(root, "id");
    if !id.starts_with("CAR-") {
        return None;
    }
    let mut part = title();
    let mut e = Entity::new(Kind::CarAnalytic, id.clone(), text(root, "title"));
    e.description = text(root, "description");
    e.platforms = texts(root, "platforms");
    e.url = format!("https://car.mitre.org/analytics/{id}");
    let link = |r: &Node<'_>| Reference {
        name: String::new(),
        text: String::new(),
        url: r.text().unwrap_or("").trim().to_owned(),
    };
    e.references = items(root, "references").iter().map(link).filter(|r| !r.url.is_empty()).collect();
    let mut car = Car {
        date: text(root, "submission_date"),
        reads: texts(root, "data_model_references"),
        ..Car::default()
    };
    for c in items(root, "coverage") {
        let covers =
            |to: String| Link { text: text(c, "coverage"), ..Link::new(id.clone(), Relates::Covers, to) };
        let subs = texts(c, "subtechniques");
        // Where sub-techniques are named, they are what is covered.
        let all = if subs.is_empty() { vec![text(c, "technique")] } else { subs };
        part.links.extend(all.into_iter().filter(|t| !t.is_empty()).map(covers));
        for t in texts(c, "tactics") {
            if !car.tactics.contains(&t) {
                car.tactics.push(t);
            }
        }
    }
    car.implementations =
        items(root, "implementations").iter().map(|i| (text(i, "type"), text(i, "code"))).collect();
    for d in items(root, "d3fend_mappings") {
        part.links.push(Link::new(id.clone(), Relates::Implements, text(d, "id")));
    }
    e.details = Details::Car(car);
    part.entities.push(e);
    Some(part)
}

fn object(root: &Node<'_>) -> Option<Part> {
    let (actions, fields) = (root.get("actions")?, root.get("fields")?);
    let name = text(root, "name");
    let pairs = |n: &Node<'_>| {
        n.items()
            .iter()
            .map(|i| (text(i, "name"), text(i, "description")))
            .filter(|p| !p.0.is_empty())
            .collect()
    };
    let mut e = Entity::new(Kind::CarObject, format!("car/{}", name.to_lowercase().replace(' ', "_")), name);
    e.description = text(root, "description");
    e.details = Details::CarObject(CarObject { actions: pairs(actions), fields: pairs(fields) });
    Some(Part { entities: vec![e], ..title() })
}

fn sensor(root: &Node<'_>) -> Option<Part> {
    let name = text(root, "sensor_name");
    if name.is_empty() {
        return None;
    }
    let mappings = root.get("mappings")?.items();
    let full = format!("{name} {}", text(root, "sensor_version"));
    let mut e = Entity::new(Kind::CarSensor, format!("car/{}", full.to_lowercase().replace(' ', "_")), full);
    e.description = text(root, "sensor_description");
    e.url = text(root, "sensor_url");
    let mapping = |m: &Node<'_>| SensorMapping {
        object: text(m, "object"),
        action: text(m, "action"),
        fields: texts(m, "fields"),
        notes: text(m, "notes"),
    };
    e.details = Details::CarSensor(mappings.iter().map(mapping).collect());
    Some(Part { entities: vec![e], ..title() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn analytics_objects_and_sensors() {
        let part = load(
            "title: T\nid: CAR-1-1\nsubmission_date: 2020/01/01\nplatforms: [Windows]\ncoverage:\n  - technique: T1\n    tactics: [TA1]\n    subtechniques: [T1.001]\n    coverage: Moderate\n  - technique: T2\n    tactics: [TA1]\n    coverage: Low\nimplementations:\n  - type: Splunk\n    code: |\n      a=b\ndata_model_references: [process/create/exe]\nd3fend_mappings:\n  - id: D3-X\n",
        )
        .unwrap();
        let to: Vec<&str> = part.links.iter().map(|l| l.to.as_str()).collect();
        assert_eq!(to, ["T1.001", "T2", "D3-X"]);
        assert_eq!(part.links[0].text, "Moderate");
        let Details::Car(car) = &part.entities[0].details else { panic!() };
        assert_eq!((car.tactics.len(), car.implementations[0].1.as_str()), (1, "a=b"));

        let part = load("name: Process\ndescription: d\nactions:\n  - name: create\n    description: c\nfields:\n  - name: exe\n").unwrap();
        assert_eq!(part.entities[0].id, "car/process");
        let part = load("sensor_name: sysmon\nsensor_version: 13\nmappings:\n  - object: file\n    action: create\n    fields: [a, b]\n").unwrap();
        let Details::CarSensor(m) = &part.entities[0].details else { panic!() };
        assert_eq!((part.entities[0].name.as_str(), m[0].fields.len()), ("sysmon 13", 2));
        assert_eq!(load("a: 1"), Err(Error::Unknown));
    }
}
