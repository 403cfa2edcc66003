//! What a process remembers.

use std::hash::Hash;

use quick_cache::{DefaultHashBuilder, OptionsBuilder, UnitWeighter};

pub use quick_cache::sync::Cache;

/// How many locks share the items of a cache. A function answers one request at a time, the local cloud a few.
const SHARDS: usize = 4;

/// A cache of so many items, which come and go by how often they are asked for.
///
/// Left alone, the library asks the operating system for the number of processors, which reads half a dozen files at the
/// start of each function.
pub fn cache<K: Eq + Hash, V: Clone>(items: usize) -> Cache<K, V> {
    let mut options = OptionsBuilder::new();
    options.estimated_items_capacity(items).weight_capacity(items as u64).shards(SHARDS);
    match options.build() {
        Ok(options) => Cache::with_options(
            options,
            UnitWeighter,
            DefaultHashBuilder::default(),
            quick_cache::sync::DefaultLifecycle::default(),
        ),
        // Only what is left out above is an error.
        Err(_) => Cache::new(items),
    }
}
