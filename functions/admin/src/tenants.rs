//! All tenants, and one of them: `/v1/admin/tenants`.
