//! Who is limited, and where: the members that every request of this function shares.

use bespin_policies::{MAX_NAME, Project};
use bespin_turns::Subject;
use bespin_web::{Fields, Problem, text};

/// The project and the subject of a request.
pub(crate) struct Place {
    pub(crate) project: Project,
    pub(crate) subject: Subject,
}

impl Place {
    /// Reads `user_id`, `session_id`, `bundle_id` and `project`; faults are noted in the fields.
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = || text(1..=MAX_NAME);
        let user_id = fields.required("user_id", name());
        let session_id = fields.optional("session_id", name());
        let bundle_id = fields.required("bundle_id", name());
        let named = fields.optional("project", name());
        let subject = Subject { user_id: user_id?, bundle_id: bundle_id?, session_id: session_id? };
        Some(Self { project: project(named?)?, subject })
    }
}

/// The project that is named, or `main`.
pub(crate) fn project(name: Option<String>) -> Option<Project> {
    match name {
        None => Some(Project::default()),
        Some(name) => Project::parse(&name),
    }
}

/// The project that the query names, or `main`.
pub(crate) fn project_of_query(mut query: Fields<'_>) -> Result<Project, Problem> {
    let name = query.optional("project", text(1..=MAX_NAME));
    query.finish(|| project(name?))
}
