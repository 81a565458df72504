//! What the program knows about clients' files: where they are, and how an entry is written into them (level 2).
//!
//! Targets are data, edits are bytes in and bytes out. Reading, backing up, comparing before the rename and the
//! ledger of what is ours belong to the caller.

mod diff;
mod json_edit;
mod location;
mod render;
mod shape;
mod targets;

pub use diff::unified_diff;
pub use json_edit::{
    Created, EditError, Edited, append_group, get_entry, groups, remove_entry, remove_group, set_entry,
};
pub use location::{Base, Location, Os, Places};
pub use render::{RenderError, Rendered, rendered_entry, rendered_hooks};
pub use shape::{CommandForm, EntryShape};
pub use targets::{
    ConfigSyntax, FileTarget, Form, HookTarget, McpTarget, Scope, Target, TargetError, TargetId, targets,
};
