//! What Lucene query strings mean.

use serde_json::json;
use shikra_lang_kql::{Options, Syntax, print};

use crate::{matches, read};

fn check(query: &str, want: &[usize]) {
    let documents = [
        json!({"name": "cmd.exe", "pid": 5, "args": ["cmd.exe", "/c", "whoami"]}),
        json!({"name": "CMD.EXE", "pid": 50}),
        json!({"name": "chmod", "args": ["chmod", "g+s", "x"], "user": "bob"}),
        json!({"name": "chmod", "args": ["chmod", "/2755", "x"], "user": "root"}),
        json!({"path": "C:\\Program Files\\x.exe", "pids": [1, 100]}),
    ];
    let options = Options { syntax: Syntax::Lucene, ..Options::default() };
    assert_eq!(matches(query, &options, &documents), want, "{query}");
    let first = read(query, &options);
    let printed = print(&first, &options).unwrap_or_else(|e| panic!("{query}: {e}"));
    assert_eq!(matches(&printed, &options, &documents), want, "{query} printed as {printed}");
}

#[test]
fn clauses() {
    check("name:cmd.exe", &[0]);
    check("name:c*", &[0, 2, 3]);
    check("name:cm?.exe", &[0]);
    check("name:(cmd.exe CMD.EXE)", &[0, 1]);
    check("name:cmd.exe name:chmod", &[0, 2, 3]);
    check("name:chmod AND user:root", &[3]);
    check("name:chmod && !user:root", &[2]);
    check("+name:chmod -user:root", &[2]);
    check("NOT name:*", &[4]);
    check("name:chmod AND args:(g+s OR /\\/2[0-9]{3}/)", &[2, 3]);
    check("_exists_:user", &[2, 3]);
    check("path:C\\:\\\\Program\\ Files\\\\*", &[4]);
    check("path:\"C:\\\\Program Files\\\\x.exe\"", &[4]);
    check("whoami OR bob", &[0, 2]);
    check("", &[0, 1, 2, 3, 4]);
}

/// `AND` binds its neighbours; what is left optional then counts for nothing.
#[test]
fn operators_are_no_tree() {
    check("name:cmd.exe OR name:chmod AND user:root", &[3]);
    check("(name:cmd.exe) OR (name:chmod AND user:root)", &[0, 3]);
}

#[test]
fn ranges() {
    check("pid:[5 TO 50]", &[0, 1]);
    check("pid:{5 TO 50]", &[1]);
    check("pid:[6 TO *]", &[1]);
    check("pid:>=50", &[1]);
    check("pids:[5 TO 50]", &[]);
    check("pids:[100 TO 200]", &[4]);
}
