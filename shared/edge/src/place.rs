//! In which tenant and project something of the control plane is done (control-plane.md 10.2).

use bespin_access::{AdministeredTenant, Administrator};
use bespin_entitlements::AdministrationError;
use bespin_policies::Project;
use bespin_primitives::TenantId;
use bespin_web::describe::Shape;
use bespin_web::{Call, FieldFault, Fields, Problem, Read, parsed, text};

use crate::Deps;

/// Where clients look for the control plane: both answer alike (control-plane.md 10.1).
pub const CONTROL_PLANE: [&str; 2] = ["/api/v1/admin/control-plane", "/api/admin/control-plane"];

/// What a call says about it.
#[derive(Debug, Clone)]
pub struct Named {
    tenant: Option<String>,
    project: Option<Project>,
}

/// Where it is done.
#[derive(Debug, Clone)]
pub struct Place {
    /// The tenant.
    pub tenant: AdministeredTenant,
    /// The project.
    pub project: Project,
}

impl Named {
    /// What the query says.
    pub fn in_query(call: &Call) -> Result<Self, Problem> {
        let mut query = call.query();
        let named = Self::read(&mut query);
        query.finish(|| named)
    }

    /// What a body says, of which the other members are still to be read, or else the query.
    pub fn in_body(fields: &mut Fields<'_>, call: &Call) -> Result<Option<Self>, Problem> {
        let (query, body) = (Self::in_query(call), Self::read(fields));
        let query = query?;
        Ok(body.map(|body| Self {
            tenant: body.tenant.or(query.tenant),
            project: body.project.or(query.project),
        }))
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let tenant = fields.optional(
            "tenant",
            text(1..=255)
                .shaped(Shape::id)
                .about("The tenant; the operator has to name one, others may name their own"),
        );
        let project = fields.optional(
            "project",
            parsed(|name| Project::parse(name).ok_or("must have 1 to 255 characters"))
                .shaped(|| Shape::text_of(1, 255).like("main"))
                .about("The project of the tenant; `main` where nothing is said"),
        );
        Some(Self { tenant: tenant?, project: project? })
    }

    /// Whether a tenant is named.
    pub fn names_tenant(&self) -> bool {
        self.tenant.is_some()
    }

    /// The place, if it is the administrator's. Another tenant's id is as good as one that there is not (404).
    pub async fn of(self, deps: &Deps, administrator: Administrator) -> Result<Place, Problem> {
        let project = self.project.unwrap_or_default();
        let tenant = match administrator {
            Administrator::OfTenant(access) => match self.tenant {
                Some(named) if named != access.tenant_id().to_string() => return Err(not_found(named)),
                _ => AdministeredTenant::Own(access),
            },
            Administrator::Operator(operator) => {
                let named = self.tenant.ok_or_else(|| {
                    Problem::from(FieldFault::new("missing", ["query", "tenant"], "Field required"))
                })?;
                let Some(tenant_id) = TenantId::parse(&named) else { return Err(not_found(named)) };
                if deps.tenants.find(tenant_id).await?.is_none() {
                    return Err(not_found(named));
                }
                AdministeredTenant::Operated(operator.over(tenant_id))
            }
        };
        Ok(Place { tenant, project })
    }
}

fn not_found(tenant_id: String) -> Problem {
    AdministrationError::TenantNotFound { tenant_id }.into()
}
