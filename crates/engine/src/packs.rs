//! The files of `packs/`, listed by the build script: path, text.

include!(concat!(env!("OUT_DIR"), "/packs.rs"));
