//! What a function is made from: its settings, the joined parts ([`Deps`]), and the first steps of every
//! request ([`Deps::identify`]). Only this crate joins the parts.

pub mod audience;
mod author;
mod credentials;
mod deps;
mod identify;
mod page;
mod place;
mod sealed;
mod settings;
pub mod shapes;

pub use credentials::{new_api_key, overlap_seconds};
pub use deps::{Deps, Edge, Parts};
pub use page::cursor;
pub use place::{CONTROL_PLANE, Named, Place};
pub use settings::{InviteToken, Settings, SettingsError, daily_limit_ceiling};
