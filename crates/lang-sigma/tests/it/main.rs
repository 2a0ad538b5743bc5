//! Cases, canonical texts and corpora.

mod cases;
mod corpora;
mod json_row;
