//! What a message wants (gateway.md 10.5).

/// What a message wants. All but the first and the last read something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Intent {
    /// What can be asked.
    Help,
    /// The brief of a date, or the latest.
    Brief,
    /// The caller's newest notifications.
    Outbox,
    /// The KPI of this name, in lower case.
    Kpi(String),
    /// All KPIs.
    Kpis,
    /// Something we do not understand.
    Other,
}

impl Intent {
    /// The intent of a message: the first rule that matches, by what the text contains in any case. A message that is
    /// nothing but `kpi:"<name>"` asks for that KPI before any rule, so that every name can be asked for.
    pub(crate) fn of(message: &str) -> Self {
        let text = message.to_lowercase();
        if let Some(name) = quoted(&text) {
            return Self::Kpi(name.to_owned());
        }
        let contains = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if contains(&["help"]) {
            Self::Help
        } else if contains(&["brief", "today"]) {
            Self::Brief
        } else if contains(&["outbox", "notification"]) {
            Self::Outbox
        } else if let Some(name) = named(&text) {
            Self::Kpi(name.to_owned())
        } else if contains(&["kpi"]) {
            Self::Kpis
        } else {
            Self::Other
        }
    }

    /// Whether answering reads anything.
    pub(crate) fn reads(&self) -> bool {
        !matches!(self, Self::Help | Self::Other)
    }
}

/// The name in a message that is nothing but `kpi:"<name>"`.
fn quoted(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix("kpi:\"")?.strip_suffix('"')?;
    (!name.is_empty()).then_some(name)
}

/// The first run of characters other than spaces that follows a `kpi:` at once.
fn named(text: &str) -> Option<&str> {
    text.match_indices("kpi:").find_map(|(at, word)| {
        let rest = &text[at + word.len()..];
        let name = rest.split(char::is_whitespace).next()?;
        (!name.is_empty()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_rule_that_matches_decides() {
        let kpi = |name: &str| Intent::Kpi(name.to_owned());
        for (message, intent) in [
            ("help", Intent::Help),
            ("What is SHELPER?", Intent::Help),
            ("help me with today's brief", Intent::Help),
            ("Today's BRIEF", Intent::Brief),
            ("what happened today", Intent::Brief),
            ("brief of my outbox", Intent::Brief),
            ("outbox", Intent::Outbox),
            ("any Notifications about kpi:mrr?", Intent::Outbox),
            ("kpi:MRR", kpi("mrr")),
            ("show kpi:MRR.", kpi("mrr.")),
            ("kpi: MRR", Intent::Kpis),
            ("kpi: x kpi:y z", kpi("y")),
            ("kpi:", Intent::Kpis),
            ("kpi:kpi:", kpi("kpi:")),
            ("KPI:ÄRGER", kpi("ärger")),
            ("kpis", Intent::Kpis),
            ("all my KPIs please", Intent::Kpis),
            ("kpi:\"Net Revenue\"", kpi("net revenue")),
            ("  KPI:\"Help Requests\"\n", kpi("help requests")),
            ("kpi:\"a\" and more", kpi("\"a\"")),
            ("kpi:\"\"", kpi("\"\"")),
            ("kpi:\"", kpi("\"")),
            ("hello", Intent::Other),
            ("  ", Intent::Other),
            ("", Intent::Other),
        ] {
            assert_eq!(Intent::of(message), intent, "{message}");
        }
    }

    proptest! {
        #[test]
        fn every_text_has_an_intent_and_a_quoted_name_is_taken_whole(text in ".{0,60}") {
            Intent::of(&text);
            let asked = Intent::of(&format!("kpi:\"{text}\""));
            prop_assert!(text.is_empty() || asked == Intent::Kpi(text.to_lowercase()), "{:?}", asked);
        }
    }
}
