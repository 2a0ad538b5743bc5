//! Where settings come from, and which wins.
//!
//! Later layers win: `shikra.toml` in the working folder, `shikra/config.toml` in the user's configuration
//! folder, `SHIKRA_*` variables, flags. The working folder comes first because it may be a folder of evidence
//! with a `shikra.toml` of a stranger's making: what users set for themselves must beat it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::parser::ValueSource;
use toml::de::{DeTable, DeValue};

use crate::exit::Failure;
use crate::names::nearest;
use crate::settings::{SETTINGS, Setting, Takes, setting};

/// Name of the configuration file in the working folder.
const HERE: &str = "shikra.toml";
/// Largest configuration file read.
const LARGEST: u64 = 1 << 20;

/// Who set a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(p) => write!(f, "{}", p.display()),
            Origin::Env(name) => f.write_str(name),
            Origin::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// What one origin says: values by key, as text.
pub type Layer = BTreeMap<&'static str, (Vec<String>, Origin)>;

/// What all layers say together.
#[derive(Clone, Debug, Default)]
pub struct Merged {
    values: Layer,
}

impl Merged {
    /// All layers for the arguments of a command.
    ///
    /// # Errors
    /// Where a configuration file cannot be read or has keys that do not exist.
    pub fn load(matches: &ArgMatches) -> Result<Merged, Failure> {
        let mut merged = Merged::default();
        merged.add(file_layer(Path::new(HERE), true)?);
        if let Some(path) = user_file() {
            merged.add(file_layer(&path, false)?);
        }
        merged.add(env_layer(|name| std::env::var(name).ok()));
        merged.add(flag_layer(matches));
        Ok(merged)
    }

    /// Keys whose value comes from the working folder: the user should know, since a stranger may have set them.
    pub fn set_here(&self) -> Vec<&'static str> {
        let here = |o: &Origin| matches!(o, Origin::File(p) if p == Path::new(HERE));
        self.values.iter().filter(|(_, (_, origin))| here(origin)).map(|(key, _)| *key).collect()
    }

    /// Puts a layer over those before it.
    pub fn add(&mut self, layer: Layer) {
        self.values.extend(layer);
    }

    /// Values and origin of a setting; the default where nobody has set it.
    pub fn get(&self, setting: &Setting) -> (Vec<String>, Origin) {
        let default = || match setting.default {
            "" => (Vec::new(), Origin::Default),
            text => (vec![text.to_owned()], Origin::Default),
        };
        self.values.get(setting.key).cloned().unwrap_or_else(default)
    }

    /// All values of a key.
    pub fn texts(&self, key: &str) -> Vec<String> {
        setting(key).map(|s| self.get(s).0).unwrap_or_default()
    }

    /// The value of a key.
    pub fn text(&self, key: &str) -> Option<String> {
        self.texts(key).pop()
    }

    /// The value of a key, understood.
    ///
    /// # Errors
    /// Where it cannot be; the message names who set it.
    pub fn parse<T>(&self, key: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Failure> {
        let Some(text) = self.text(key) else { return Ok(None) };
        match parse(&text) {
            Some(value) => Ok(Some(value)),
            None => {
                let origin = setting(key).map_or(Origin::Default, |s| self.get(s).1);
                Err(Failure::new(format!("{key} cannot be `{text}` (set by {origin}){}", hint(key, &text))))
            }
        }
    }
}

fn hint(key: &str, text: &str) -> String {
    match setting(key).map(|s| s.takes) {
        Some(Takes::OneOf(names)) => {
            let names = names();
            match nearest(text, names.iter().copied()) {
                Some(near) => format!(": did you mean `{near}`?"),
                None => format!(": it is one of {}", names.join(", ")),
            }
        }
        _ if key == "threads" => ": it is a number from 1 to 1024".to_owned(),
        _ if key == "since" || key == "until" => ": times look like 2020-10-22T01:54:25Z".to_owned(),
        _ => String::new(),
    }
}

/// `$XDG_DATA_HOME/shikra`, `~/.local/share/shikra`, `%LOCALAPPDATA%\shikra`.
pub fn user_data() -> Option<PathBuf> {
    let var = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let xdg = var("XDG_DATA_HOME").filter(|p| p.is_absolute());
    let folder = xdg.or_else(|| var("LOCALAPPDATA")).or_else(|| Some(var("HOME")?.join(".local/share")))?;
    Some(folder.join("shikra"))
}

/// `$XDG_CONFIG_HOME/shikra/config.toml`, `~/.config/shikra/config.toml`, `%APPDATA%\shikra\config.toml`.
pub fn user_file() -> Option<PathBuf> {
    let var = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let xdg = var("XDG_CONFIG_HOME").filter(|p| p.is_absolute());
    let folder = xdg.or_else(|| var("APPDATA")).or_else(|| Some(var("HOME")?.join(".config")))?;
    Some(folder.join("shikra").join("config.toml"))
}

fn env_layer(read: impl Fn(&str) -> Option<String>) -> Layer {
    let mut layer = Layer::new();
    for s in SETTINGS {
        let name = s.env();
        let Some(text) = read(&name).filter(|t| !t.is_empty()) else { continue };
        let values = match s.takes {
            Takes::Paths => std::env::split_paths(&text).map(|p| p.display().to_string()).collect(),
            _ => vec![text],
        };
        layer.insert(s.key, (values, Origin::Env(name)));
    }
    layer
}

fn flag_layer(matches: &ArgMatches) -> Layer {
    let mut layer = Layer::new();
    for s in SETTINGS {
        // A command need not have every flag.
        if !matches!(matches.try_contains_id(s.key), Ok(true))
            || matches.value_source(s.key) != Some(ValueSource::CommandLine)
        {
            continue;
        }
        let values = match s.takes {
            Takes::Switch => vec![matches.get_flag(s.key).to_string()],
            _ => matches.get_many::<String>(s.key).into_iter().flatten().cloned().collect(),
        };
        layer.insert(s.key, (values, Origin::Flag(s.key)));
    }
    layer
}

fn file_layer(path: &Path, here: bool) -> Result<Layer, Failure> {
    match std::fs::metadata(path) {
        Ok(m) if m.len() > LARGEST => {
            return Err(Failure::new(format!("{} is too large for a configuration file", path.display())));
        }
        Ok(m) if m.is_file() => {}
        _ => return Ok(Layer::new()),
    }
    let text = std::fs::read_to_string(path)
        .map_err(|e| Failure::new(format!("cannot read {}: {e}", path.display())))?;
    parse_file(&text, path, here)
}

fn parse_file(text: &str, path: &Path, here: bool) -> Result<Layer, Failure> {
    let fail = |what: String| Failure::new(format!("{}: {what}", path.display()));
    let table = DeTable::parse(text).map_err(|e| fail(e.to_string()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut layer = Layer::new();
    for (key, value) in table.get_ref() {
        let key: &str = key.get_ref();
        let Some(s) = setting(key) else {
            let near = nearest(key, SETTINGS.iter().map(|s| s.key));
            let near = near.map(|n| format!(": did you mean `{n}`?")).unwrap_or_default();
            return Err(fail(format!("there is no setting `{key}`{near}")));
        };
        if here && !s.anywhere {
            return Err(fail(format!("`{key}` cannot be set in the working folder: name it yourself")));
        }
        let values =
            values(value.get_ref()).ok_or_else(|| fail(format!("`{key}` has a value of another type")))?;
        let values = match s.takes {
            Takes::Path | Takes::Paths => {
                values.iter().map(|v| folder.join(v).display().to_string()).collect()
            }
            _ => values,
        };
        layer.insert(s.key, (values, Origin::File(path.to_owned())));
    }
    Ok(layer)
}

/// The texts of a TOML value: one, or a list of them.
fn values(value: &DeValue<'_>) -> Option<Vec<String>> {
    Some(match value {
        DeValue::String(s) => vec![s.to_string()],
        DeValue::Integer(n) => vec![n.as_str().to_owned()],
        DeValue::Boolean(b) => vec![b.to_string()],
        DeValue::Datetime(t) => vec![t.to_string()],
        DeValue::Array(items) => {
            items.iter().map(|i| values(i.get_ref())).collect::<Option<Vec<_>>>()?.concat()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use shikra_ir::Level;

    fn file(text: &str) -> Result<Layer, String> {
        parse_file(text, Path::new("conf/shikra.toml"), true).map_err(|e| format!("{e:?}"))
    }

    #[test]
    fn later_layers_win_and_origins_are_known() {
        let mut m = Merged::default();
        m.add(
            file("level = \"low\"\nrules = [\"a\", \"/b\"]\nthreads = 3\nsince = 2020-01-01T00:00:00Z")
                .unwrap(),
        );
        m.add(env_layer(|n| (n == "SHIKRA_LEVEL").then(|| "high".to_owned())));
        let s = Settings::new(&m).unwrap();
        assert_eq!((s.level, s.threads), (Level::High, 3));
        assert_eq!(s.rules, [Path::new("conf/a"), Path::new("/b")]);
        assert_eq!(s.since.unwrap().to_string(), "2020-01-01T00:00:00Z");
        let origin = |key| m.get(setting(key).unwrap()).1;
        assert_eq!(origin("level"), Origin::Env("SHIKRA_LEVEL".into()));
        assert_eq!(origin("threads"), Origin::File("conf/shikra.toml".into()));
        assert_eq!(origin("format"), Origin::Default);
    }

    #[test]
    fn mistakes_name_their_origin() {
        assert!(file("levle = \"low\"").unwrap_err().contains("did you mean `level`"));
        assert!(file("output = \"x\"").unwrap_err().contains("cannot be set in the working folder"));
        assert!(file("level = {a = 1}").unwrap_err().contains("another type"));
        assert!(file("level = ").unwrap_err().contains("shikra.toml"));
        let mut m = Merged::default();
        m.add(env_layer(|n| (n == "SHIKRA_LEVEL").then(|| "hihg".to_owned())));
        let e = format!("{:?}", Settings::new(&m).err().unwrap());
        assert!(e.contains("SHIKRA_LEVEL") && e.contains("did you mean `high`"), "{e}");
    }
}
