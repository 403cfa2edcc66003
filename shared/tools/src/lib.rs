//! The tools that agents call: a registry and the two built-in ones (gateway.md 5).
//!
//! What is always true: a tool only computes. What it finds wrong with its payload is its result, not a failure of
//! the call; the call is charged and recorded by whoever runs the tool.

mod kpi_summary;

use bespin_access::TenantAccess;
use bespin_kpi::{KpiError, Kpis};
use bespin_primitives::{Fault, FaultKind};
use serde_json::{Map, Value, json};

/// A tool of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Gives its payload back.
    Echo,
    /// Tells how one KPI moved.
    KpiSummary,
}

/// A name that no tool has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Tool '{name}' not found")]
pub struct UnknownTool {
    /// The name.
    pub name: String,
}

impl Fault for UnknownTool {
    fn kind(&self) -> FaultKind {
        FaultKind::Missing
    }

    fn code(&self) -> &'static str {
        "tool_not_found"
    }
}

impl Tool {
    /// All tools.
    pub const ALL: [Self; 2] = [Self::Echo, Self::KpiSummary];

    /// The name it is called by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::KpiSummary => "kpi_summary",
        }
    }

    /// The tool with this name.
    pub fn find(name: &str) -> Result<Self, UnknownTool> {
        Self::ALL
            .into_iter()
            .find(|tool| tool.name() == name)
            .ok_or_else(|| UnknownTool { name: name.to_owned() })
    }

    /// Whether it reads anything. One that does not is run before anything is looked up: if the call turns out to
    /// be a replay or refused, only computing was in vain.
    pub fn reads(self) -> bool {
        match self {
            Self::Echo => false,
            Self::KpiSummary => true,
        }
    }

    /// Runs it. The error is the store's, never the payload's.
    pub async fn run(
        self,
        access: &TenantAccess,
        kpis: &Kpis,
        payload: &Map<String, Value>,
    ) -> Result<Value, KpiError> {
        match self {
            Self::Echo => Ok(json!({"echo": payload})),
            Self::KpiSummary => kpi_summary::run(access, kpis, payload).await,
        }
    }
}
