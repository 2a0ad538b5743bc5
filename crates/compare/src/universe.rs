//! Which event types a comparison has to look at: those of the tables that the log sources admit, and one of each
//! kind that the tables do not list.

use std::collections::BTreeSet;
use std::sync::Arc;

use shikra_event::{Form, Name, Shape, ShapeBuilder, system};
use shikra_ir::{CmpOp, FieldRef, Names, Op, Scalar};
use shikra_matcher::Filter;
use shikra_taxonomy::{Alternative, Taxonomy};

/// Names of fields that hold the id of an event.
const IDS: &[&str] = &["eventid", "eventcode", "event_id", "winlog.event_id", "event.code", "signature_id"];

/// The event types on which a filter of `filters` can hold.
pub(crate) fn shapes(taxonomy: &Taxonomy, filters: &[&Filter]) -> Vec<Arc<Shape>> {
    let admits = |s: &Shape| filters.iter().any(|f| f.selector.any_of.iter().any(|a| a.admits(s)));
    let mut out: Vec<Arc<Shape>> = taxonomy.known_events().into_iter().filter(|s| admits(s)).collect();
    let windows = own_fields(filters, windows_name);
    let documents = own_fields(filters, |r| Some(r.name.clone()));
    let ids = asked_ids(filters);
    for alternative in filters.iter().flat_map(|f| f.selector.any_of.iter()) {
        for shape in unlisted(alternative, &windows, &documents, &ids) {
            let known = |s: &Arc<Shape>| {
                s.event_id() == shape.event_id()
                    && s.form() == shape.form()
                    && (s.channel().eq_ignore_ascii_case(shape.channel()) || shape.channel().is_empty())
            };
            let of_known_log = shape.event_id().is_none()
                && shape.form() == Form::Windows
                && out.iter().any(|s| s.channel().eq_ignore_ascii_case(shape.channel()));
            if !of_known_log && !taxonomy.lists(&shape) && !out.iter().any(known) {
                out.push(shape);
            }
        }
    }
    out
}

/// Event types of an alternative that no table lists.
fn unlisted(a: &Alternative, fields: &[Name], documents: &[Name], ids: &BTreeSet<u32>) -> Vec<Arc<Shape>> {
    let windows = a.forms.is_empty() || a.forms.contains(&Form::Windows);
    let make = |form, channel: &str, id: Option<u32>| {
        let system = system::ALL.iter().copied().map(Name::from).filter(|_| form == Form::Windows);
        let own = if form == Form::Windows { fields } else { documents };
        let own = own.iter().filter(|f| !system::ALL.contains(&f.as_ref())).cloned();
        ShapeBuilder {
            form,
            channel: channel.to_owned(),
            provider: a.providers.first().cloned().unwrap_or_default(),
            event_id: id,
            fields: system.chain(own).collect(),
            ..ShapeBuilder::default()
        }
        .build()
    };
    if !windows {
        let form = a.forms.first().copied().unwrap_or(Form::Other);
        return vec![make(form, "", None)];
    }
    let named: Vec<Option<u32>> = if a.event_ids.is_empty() {
        ids.iter().copied().map(Some).chain([None].into_iter().filter(|_| ids.is_empty())).collect()
    } else {
        a.event_ids.iter().copied().map(Some).collect()
    };
    let channels: Vec<&str> =
        if a.channels.is_empty() { vec![""] } else { a.channels.iter().map(String::as_str).collect() };
    let all = channels.iter().flat_map(|c| named.iter().map(move |id| (*c, *id)));
    all.take(64).map(|(c, id)| make(Form::Windows, c, id)).collect()
}

/// The name under which a Windows event would carry a field, where the scheme names fields as events do.
fn windows_name(r: &FieldRef) -> Option<Name> {
    if IDS.contains(&r.name.to_ascii_lowercase().as_str()) {
        return None;
    }
    match r.names {
        Names::Sigma | Names::Splunk | Names::Raw if !r.name.contains('.') => Some(r.name.clone()),
        Names::Ecs => r.name.strip_prefix("winlog.event_data.").map(Name::from),
        _ => None,
    }
}

/// The names of all fields that the filters read, as an event could carry them.
fn own_fields(filters: &[&Filter], name: impl Fn(&FieldRef) -> Option<Name>) -> Vec<Name> {
    let mut names = BTreeSet::new();
    for f in filters {
        let whens = f.selector.any_of.iter().filter_map(|a| a.when.as_ref());
        for e in whens.chain([&f.expr]) {
            e.fields(&mut |r: &FieldRef| {
                names.extend(name(r));
            });
        }
    }
    names.into_iter().collect()
}

/// Numbers that the filters ask of the field with the event id.
fn asked_ids(filters: &[&Filter]) -> BTreeSet<u32> {
    let mut ids = BTreeSet::new();
    for f in filters {
        f.expr.tests(&mut |t| {
            let Scalar::Field(r) = &t.subject else { return };
            if !IDS.contains(&r.name.to_ascii_lowercase().as_str()) {
                return;
            }
            let texts: Vec<String> = match &t.op {
                Op::Like(all) => all.iter().filter_map(|p| p.literal().map(str::to_owned)).collect(),
                Op::Compare(CmpOp::Eq, Scalar::Lit(v)) => v.to_text().into_iter().collect(),
                Op::In(all) => all.iter().filter_map(shikra_event::Value::to_text).collect(),
                _ => Vec::new(),
            };
            ids.extend(texts.iter().filter_map(|t| t.parse::<u32>().ok()));
        });
    }
    ids
}

/// Whether documents in ECS are to be looked at: where every name is one of theirs, so that a document made of
/// those names means the same to both.
pub(crate) fn all_ecs(filters: &[&Filter]) -> bool {
    let mut all = true;
    for f in filters {
        f.expr.fields(&mut |r| all &= matches!(r.names, Names::Ecs | Names::Raw));
    }
    all
}
