//! Shapes: the interned field list of an event, with what else is decided once per list.
//!
//! Leaves to others: which rules apply to a shape and which slot a rule's field means (`taxonomy`,
//! `matcher`); how a file's layout becomes a field list (`input`).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A field or provider name, shared.
pub type Name = Arc<str>;
/// Position of a field in its shape.
pub type SlotIndex = u32;

/// Process-wide unique number of a shape. Two shapes with equal content may have different ids (each reader
/// interns for itself); equal ids mean the same shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShapeId(pub u64);

/// Names under which readers store the `System` part of a Windows event, whatever the source called them.
pub mod system {
    /// `Provider/@Name`.
    pub const PROVIDER: &str = "Provider_Name";
    /// `Provider/@Guid`.
    pub const PROVIDER_GUID: &str = "Provider_Guid";
    /// `EventID`.
    pub const EVENT_ID: &str = "EventID";
    /// `EventID/@Qualifiers`.
    pub const QUALIFIERS: &str = "EventID_Qualifiers";
    /// `Version`.
    pub const VERSION: &str = "Version";
    /// `Level`.
    pub const LEVEL: &str = "Level";
    /// `Task`.
    pub const TASK: &str = "Task";
    /// `Opcode`.
    pub const OPCODE: &str = "Opcode";
    /// `Keywords`.
    pub const KEYWORDS: &str = "Keywords";
    /// `TimeCreated/@SystemTime`.
    pub const TIME: &str = "TimeCreated_SystemTime";
    /// `EventRecordID`.
    pub const RECORD: &str = "EventRecordID";
    /// `Correlation/@ActivityID`.
    pub const ACTIVITY: &str = "Correlation_ActivityID";
    /// `Correlation/@RelatedActivityID`.
    pub const RELATED_ACTIVITY: &str = "Correlation_RelatedActivityID";
    /// `Execution/@ProcessID`: the process that wrote the event, not the one it tells of.
    pub const PROCESS_ID: &str = "Execution_ProcessID";
    /// `Execution/@ThreadID`.
    pub const THREAD_ID: &str = "Execution_ThreadID";
    /// `Channel`.
    pub const CHANNEL: &str = "Channel";
    /// `Computer`.
    pub const COMPUTER: &str = "Computer";
    /// `Security/@UserID`.
    pub const USER_ID: &str = "Security_UserID";
    /// The rendered message, where the source carries one.
    pub const MESSAGE: &str = "Message";

    /// All of them.
    pub const ALL: &[&str] = &[
        PROVIDER,
        PROVIDER_GUID,
        EVENT_ID,
        QUALIFIERS,
        VERSION,
        LEVEL,
        TASK,
        OPCODE,
        KEYWORDS,
        TIME,
        RECORD,
        ACTIVITY,
        RELATED_ACTIVITY,
        PROCESS_ID,
        THREAD_ID,
        CHANNEL,
        COMPUTER,
        USER_ID,
        MESSAGE,
    ];
}

/// What family of documents a shape comes from; decides which naming schemes can answer for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Form {
    /// A Windows event under its own field names: EVTX, event XML, evtx_dump JSON, flattened exports, raw
    /// winlogbeat (`winlog.event_data.*`): readers strip the container, so all of these look the same.
    #[default]
    Windows,
    /// An ECS document (winlogbeat with ECS fields, Elastic Agent, Elastic Endpoint): dotted names. What it
    /// carries under `winlog.*` is stored under Windows names as well.
    Ecs,
    /// Any other document: names as they are, nested ones dotted.
    Other,
}

/// The field list of an event, interned once by its reader. Immutable.
#[derive(Debug)]
pub struct Shape {
    id: ShapeId,
    form: Form,
    origin: &'static str,
    provider: Name,
    channel: Name,
    event_id: Option<u32>,
    version: Option<u32>,
    fields: Vec<Name>,
    by_name: HashMap<Name, Vec<SlotIndex>>,
    constant: Vec<SlotIndex>,
}

impl Shape {
    /// Unique number, for caches.
    pub fn id(&self) -> ShapeId {
        self.id
    }
    /// Document family.
    pub fn form(&self) -> Form {
        self.form
    }
    /// What its reader recognised the document as, for people: `EVTX`, `evtx_dump JSON`, `winlogbeat ECS`.
    pub fn origin(&self) -> &'static str {
        self.origin
    }
    /// Provider name, empty where the event has none.
    pub fn provider(&self) -> &str {
        &self.provider
    }
    /// Channel, empty where the event has none (ETW-derived records).
    pub fn channel(&self) -> &str {
        &self.channel
    }
    /// Event id, where there is one.
    pub fn event_id(&self) -> Option<u32> {
        self.event_id
    }
    /// Event version, where there is one.
    pub fn version(&self) -> Option<u32> {
        self.version
    }
    /// Field names in slot order. A name may repeat: such a field is multi-valued.
    pub fn fields(&self) -> &[Name] {
        &self.fields
    }
    /// Slots that hold the same, kind and bytes, in every event of the shape: the reader has made sure of it.
    /// There may be others.
    pub fn constant(&self) -> &[SlotIndex] {
        &self.constant
    }
    /// Slots of the exact name, in order; empty where the shape has none.
    pub fn positions(&self, name: &str) -> &[SlotIndex] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Collects what a shape is made of.
#[derive(Clone, Debug, Default)]
pub struct ShapeBuilder {
    /// Document family.
    pub form: Form,
    /// What the document was recognised as, see [`Shape::origin`]; decides nothing.
    pub origin: &'static str,
    /// Provider name, empty where absent.
    pub provider: String,
    /// Channel, empty where absent.
    pub channel: String,
    /// Event id.
    pub event_id: Option<u32>,
    /// Event version.
    pub version: Option<u32>,
    /// Field names in slot order.
    pub fields: Vec<Name>,
    /// See [`Shape::constant`].
    pub constant: Vec<SlotIndex>,
}

static NEXT: AtomicU64 = AtomicU64::new(1);

impl ShapeBuilder {
    /// A shape with a fresh id.
    pub fn build(self) -> Arc<Shape> {
        let mut by_name: HashMap<Name, Vec<SlotIndex>> = HashMap::with_capacity(self.fields.len());
        for (i, name) in self.fields.iter().enumerate() {
            by_name.entry(name.clone()).or_default().push(i as SlotIndex);
        }
        Arc::new(Shape {
            id: ShapeId(NEXT.fetch_add(1, Ordering::Relaxed)),
            form: self.form,
            origin: self.origin,
            provider: self.provider.into(),
            channel: self.channel.into(),
            event_id: self.event_id,
            version: self.version,
            fields: self.fields,
            by_name,
            constant: self.constant,
        })
    }
}
