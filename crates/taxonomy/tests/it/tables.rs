//! All tables load and refer to existing things.

use shikra_ir::Names;
use shikra_taxonomy::{TABLES, TableErrorKind, TableKind, Taxonomy};

#[test]
fn shipped_tables_have_no_errors() {
    let errors: Vec<String> = Taxonomy::load(TABLES).1.iter().map(ToString::to_string).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn what_is_read_when_first_asked_for_is_the_same() {
    let (whole, _) = Taxonomy::load(TABLES);
    let lazy = Taxonomy::embedded();
    for shape in whole.known_events() {
        for &names in Names::ALL {
            assert_eq!(lazy.fields(&shape, names), whole.fields(&shape, names), "{}", names.as_str());
        }
    }
    assert_eq!(lazy.document_fields(), whole.document_fields());
}

#[test]
fn every_table_file_ships() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/taxonomy");
    let mut files: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.ends_with(".txt"))
        .collect();
    let mut shipped: Vec<String> = TABLES.iter().map(|(_, n, _)| (*n).to_owned()).collect();
    files.sort();
    shipped.sort();
    assert_eq!(files, shipped);
}

#[test]
fn errors_are_typed_and_located() {
    use TableErrorKind as K;
    use TableKind as T;
    let logs = "[logs]\nsys = System ; P\n";
    let s = str::to_owned;
    let cases = [
        (T::Logs, "[logs]\nsys = Other\n", 2, K::Duplicate(s("sys"))),
        (T::Logs, "[logs]\nother = System\n", 2, K::Duplicate(s("System"))),
        (T::Logs, "[sets]\nx = nolog/1\n", 2, K::UnknownLog(s("nolog"))),
        (T::Logs, "[sets]\nx = @nothing\n", 2, K::UnknownSet(s("nothing"))),
        (T::Logs, "[what]\nx = y\n", 2, K::Section(s("what"))),
        (T::Sources, "[sigma]\nservice x = sys/a\n", 2, K::Number(s("a"))),
        (T::Sources, "[klingon]\nservice x = sys\n", 2, K::Section(s("klingon"))),
        (T::Sources, "[sigma]\nservice = sys\n", 2, K::Value(s("service"))),
        (T::Sources, "[sigma]\nservice x = sys where y\n", 2, K::Value(s("y"))),
        (T::Fields, "[sigma any]\nx = y|upper\n", 2, K::UnknownDerive(s("upper"))),
        (T::Fields, "[sigma any]\nx = a\nx = b\n", 3, K::Duplicate(s("x"))),
        (T::Fields, "[sigma nolog/1]\nx = a\n", 2, K::UnknownLog(s("nolog"))),
        (T::Facts, "[sys]\n1 = a\n1/2 = a\n", 3, K::Duplicate(s("1/2"))),
        (T::Facts, "[sys]\nx = a\n", 2, K::Number(s("x"))),
        (T::Twins, "[twins]\nx = sys/1 ; sys/2 ; A\n", 2, K::Value(s("sys/1 ; sys/2 ; A"))),
        (T::Twins, "[twins]\nx = sys/1 ; sys/2 ; A / ; 1\n", 2, K::Value(s("sys/1 ; sys/2 ; A / ; 1"))),
        (T::Twins, "[twins]\nx = sys/1 ; nolog/2 ; A ; 1\n", 2, K::UnknownLog(s("nolog"))),
        (T::Twins, "[twins]\nx = sys/1 ; sys/2 ; A ; soon\n", 2, K::Number(s("soon"))),
        (T::Twins, "[acts]\nsigma = a\nsigma = b\n", 3, K::Duplicate(s("sigma"))),
        (T::Twins, "[acts]\nklingon = a\n", 2, K::Value(s("a"))),
        (T::Facts, "x = a\n", 1, K::Section(s(""))),
        (T::Facts, "[sys]\nnonsense\n", 2, K::Syntax),
    ];
    for (kind, text, line, want) in cases {
        let errors = Taxonomy::load(&[(T::Logs, "logs", logs), (kind, "t", text)]).1;
        assert_eq!(errors.len(), 1, "{text}: {errors:?}");
        assert_eq!((errors[0].line, &errors[0].kind), (line, &want), "{text}");
    }
}
