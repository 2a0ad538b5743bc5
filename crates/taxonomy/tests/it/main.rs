//! The shipped tables, tested as data.

#[cfg(test)]
mod corpora;
#[cfg(test)]
mod fields;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod tables;

use std::sync::Arc;

use shikra_event::{Form, Shape, ShapeBuilder, system};

/// A shape of the System fields and these.
pub fn shape(form: Form, channel: &str, id: u32, fields: &[&str]) -> Arc<Shape> {
    let names: &[&str] = match form {
        Form::Windows => {
            &[system::PROVIDER, system::EVENT_ID, system::CHANNEL, system::COMPUTER, system::TIME]
        }
        _ => &[],
    };
    ShapeBuilder {
        form,
        channel: channel.to_owned(),
        event_id: (id > 0).then_some(id),
        fields: names.iter().chain(fields).map(|n| Arc::from(*n)).collect(),
        ..ShapeBuilder::default()
    }
    .build()
}
