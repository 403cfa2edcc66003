//! What a parser asks of a request, found out by running it: instead of reading values, it leaves a sketch.
//!
//! So what a document says of a request is what the handler's own parser does with it, bounds and defaults included. It
//! works for parsers that ask for all their fields before they judge any, as one that names every fault at once has to.

use std::sync::{Arc, Mutex, PoisonError};

use crate::describe::{Place, Shape};

/// A field that a parser asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sketched {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) shape: Shape,
}

/// Collects what parsers ask for. Clones collect into one sketch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sketch(Arc<Mutex<Vec<Sketched>>>);

impl Sketch {
    /// Notes a field; of two of a name at one place the first.
    pub(crate) fn note(&self, place: Place, name: &str, shape: Shape) {
        let mut fields = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !fields.iter().any(|known| known.place == place && known.name == name) {
            fields.push(Sketched { place, name: name.to_owned(), shape });
        }
    }

    /// The fields of a place, in the order in which they were asked for.
    pub(crate) fn fields(&self, place: Place) -> Vec<(String, Shape)> {
        let fields = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = fields.iter().filter(|field| field.place == place);
        here.map(|field| (field.name.clone(), field.shape.clone())).collect()
    }

    /// The object that the fields of the body make, if there are any.
    pub(crate) fn body(&self) -> Option<Shape> {
        let fields = self.fields(Place::Body);
        let members = fields.iter().map(|(name, shape)| (name.as_str(), shape.clone()));
        (!fields.is_empty()).then(|| Shape::object(members))
    }
}

/// Two sketches are equal when they are one.
impl PartialEq for Sketch {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
