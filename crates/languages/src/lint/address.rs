//! Which end of a connection a condition looks at: a detection of connections to the outside that excludes
//! private networks by the source's address asks of the wrong end, since its own hosts are the sources.

use std::collections::BTreeSet;

use shikra_ir::{Expr, FieldRef, LogSource, Names, Op, Scalar, Test};
use shikra_syntax::Diagnostic;
use shikra_taxonomy::Taxonomy;

/// The source's address, as the schemes name it.
const SOURCES: &[&str] =
    &["sourceip", "source_ip", "src_ip", "source_address", "source.ip", "src", "sourceaddress", "src_addr"];
/// The destination's address.
const DESTINATIONS: &[&str] = &[
    "destinationip",
    "destination_ip",
    "dest_ip",
    "dst_ip",
    "destination_address",
    "destination.ip",
    "dest",
    "destinationaddress",
    "dst_addr",
];
/// Fields that hold the event's id, and ids of connections: Sysmon's, the Filtering Platform's.
const EVENT_IDS: &[&str] =
    &["eventid", "eventcode", "event_id", "event_code", "event.code", "winlog.event_id"];
const CONNECTIONS: &[&str] = &["3", "5156"];

/// What there is to say of a condition on events of a log source.
pub(super) fn lint(source: &LogSource, expr: &Expr, taxonomy: &Taxonomy, out: &mut Vec<Diagnostic>) {
    let mut found = Found::default();
    found.look(expr, true);
    let Some(test) = found.private_sources_denied.filter(|_| !found.destination) else { return };
    let Scalar::Field(field) = &test.subject else { return };
    let connections = match found.ids.is_empty() {
        true => taxonomy.can_have(source, &destination_of(field)) == Some(true),
        false => found.ids.iter().all(|id| CONNECTIONS.contains(&id.as_str())),
    };
    if connections {
        let message = format!(
            "{} is the source of a connection, which is one's own host: this leaves connections to the outside out; \
             the destination's address tells them",
            field.name
        );
        out.push(Diagnostic::warning("source-not-destination", message, test.span));
    }
}

/// The destination's address in the words of a scheme.
fn destination_of(field: &FieldRef) -> FieldRef {
    let name = match field.names {
        Names::Ecs => "destination.ip",
        Names::Car | Names::Cim => "dest_ip",
        Names::LogPoint => "destination_address",
        _ => "DestinationIp",
    };
    FieldRef::new(field.names, name)
}

#[derive(Default)]
struct Found<'e> {
    /// A denied test of the source against networks that are all private.
    private_sources_denied: Option<&'e Test>,
    /// The destination is tested.
    destination: bool,
    /// Event ids asked for.
    ids: BTreeSet<String>,
}

impl<'e> Found<'e> {
    fn look(&mut self, e: &'e Expr, wanted: bool) {
        match e {
            Expr::And(v) | Expr::Or(v) => v.iter().for_each(|e| self.look(e, wanted)),
            Expr::Not(e) => self.look(e, !wanted),
            Expr::Named(_, e) => self.look(e, wanted),
            Expr::Test(t) => self.test(t, wanted),
            Expr::Const(_) | Expr::Opaque(_) => {}
        }
    }

    fn test(&mut self, t: &'e Test, wanted: bool) {
        let Scalar::Field(field) = &t.subject else { return };
        let name = field.name.to_ascii_lowercase();
        self.destination |= DESTINATIONS.contains(&name.as_str());
        let denied = !wanted && SOURCES.contains(&name.as_str());
        if let Op::Cidr(nets) = &t.op
            && denied
            && nets.iter().all(is_private)
        {
            self.private_sources_denied = self.private_sources_denied.or(Some(t));
        }
        if wanted && EVENT_IDS.contains(&name.as_str()) {
            match &t.op {
                Op::Like(all) => self.ids.extend(all.iter().map(ToString::to_string)),
                Op::Compare(shikra_ir::CmpOp::Eq, Scalar::Lit(v)) => self.ids.extend(v.to_text()),
                Op::In(all) => self.ids.extend(all.iter().filter_map(|v| v.to_text())),
                _ => {}
            }
        }
    }
}

fn is_private(net: &ipnet::IpNet) -> bool {
    let private =
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "fc00::/7"];
    private.iter().filter_map(|p| p.parse::<ipnet::IpNet>().ok()).any(|p| p.contains(net))
}
