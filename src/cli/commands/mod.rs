//! One command, one file, one shape: `struct Args` and `fn run(ui, global, args)`.

pub(crate) mod apply;
pub(crate) mod completions;
pub(crate) mod describe;
pub(crate) mod destroy;
pub(crate) mod diff;
pub(crate) mod fmt;
pub(crate) mod get_historical_features;
pub(crate) mod get_online_features;
pub(crate) mod graph;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod materialize;
pub(crate) mod materialize_incremental;
pub(crate) mod plan;
pub(crate) mod push;
pub(crate) mod registry;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod sweep;
pub(crate) mod unlock;
pub(crate) mod validate;
pub(crate) mod version;
