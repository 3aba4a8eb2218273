//! A host's own rules: what they may be, and the ids that a text claims.

use super::load::Compiler;
use crate::diagnostic::Diagnostic;
use crate::directives::DirectiveId;
use crate::limits::Limits;
use crate::source::NoFiles;

impl Compiler<'_> {
    /// Reads a host's own rules. Its directives that change other rules wait for [`Self::custom_edits`].
    pub(crate) fn custom_text(&mut self, name: &str, text: &[u8]) {
        self.custom = true;
        self.text(name, text);
        self.custom = false;
    }

    /// Makes the changes that a host's own rules ask for.
    pub(crate) fn custom_edits(&mut self) {
        self.sparing = true;
        for (id, at, words) in std::mem::take(&mut self.custom_deferred) {
            let file = at.file.clone();
            self.edit(id, &file, &at, &words);
        }
        self.sparing = false;
    }
}

/// Whether this directive may stand among a host's own rules.
pub(super) fn allows(id: Option<DirectiveId>) -> bool {
    matches!(
        id,
        Some(
            DirectiveId::Rule
                | DirectiveId::Action
                | DirectiveId::Marker
                | DirectiveId::RuleRemoveById
                | DirectiveId::RuleRemoveByTag
                | DirectiveId::RuleRemoveByMsg
                | DirectiveId::UpdateTargetById
                | DirectiveId::UpdateTargetByTag
                | DirectiveId::UpdateTargetByMsg
                | DirectiveId::UpdateActionById
        )
    )
}

/// Whether a host's own rule may have this id.
pub(super) fn allows_id(id: u64) -> bool {
    (100_000..=899_999).contains(&id) && !(200_000..=200_099).contains(&id)
}

/// A rule that a text makes: its id, line and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The rule.
    pub id: u64,
    /// Line of its directive, from 1.
    pub line: u32,
    /// Column of its directive, from 1.
    pub column: u32,
}

/// The rules that `text` makes as a host's own, without looking at any other rule.
///
/// # Errors
/// What is wrong whatever rule set it goes with; see [`Builder::custom`](crate::Builder::custom).
pub fn claims(name: &str, text: impl AsRef<[u8]>) -> Result<Vec<Claim>, Vec<Diagnostic>> {
    let mut compiler = Compiler::new(&NoFiles, Limits::default());
    compiler.custom_text(name, text.as_ref());
    let claimed = std::mem::take(&mut compiler.claimed);
    // A dataset stands in the rules that it goes with.
    let own = |found: &Diagnostic| found.code != "seclang.dataset_missing" && found.code != "seclang.resolver_missing";
    let errors: Vec<Diagnostic> = std::mem::take(&mut compiler.findings.errors).into_iter().filter(own).collect();
    if errors.is_empty() { Ok(claimed) } else { Err(errors) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_text_claims_its_ids_with_their_places() {
        let text = "# mine\nSecRule ARGS a \"id:100001,phase:2,deny,chain\"\nSecRule ARGS b\nSecMarker X\n\
                    SecRuleRemoveById 1\n  SecAction \"id:899999,phase:1,pass\"\n";
        let claim = |id, line, column| Claim { id, line, column };
        assert_eq!(claims("a", text).unwrap(), [claim(100_001, 2, 1), claim(899_999, 6, 3)]);
    }

    #[test]
    fn what_may_not_stand_in_an_own_rule_is_refused_with_its_place() {
        for (text, code, line, column) in [
            ("\n SecRuleEngine Off\n", "seclang.custom_directive", 2, 2),
            ("SecAuditLog x\n", "seclang.custom_directive", 1, 1),
            ("Include a.conf\n", "seclang.custom_directive", 1, 1),
            ("SecDefaultAction \"phase:2,deny\"\n", "seclang.custom_directive", 1, 1),
            ("SecNothing On\n", "seclang.unknown_directive", 1, 1),
            ("SecAction \"id:99999,pass\"\n", "seclang.custom_id", 1, 1),
            ("SecAction \"id:900000,pass\"\n", "seclang.custom_id", 1, 1),
            ("SecAction \"id:200006,pass\"\n", "seclang.custom_id", 1, 1),
            ("SecAction \"pass\"\n", "seclang.id_missing", 1, 1),
            ("SecAction \"id:100000,pass\"\nSecAction \"id:100000,pass\"\n", "seclang.id_duplicate", 2, 1),
            ("SecRule ARGS \"@pmFromFile a\" \"id:100000,deny\"\n", "seclang.file_refused", 1, 27),
            ("SecRule ARGS \"@ipMatchFromFile a\" \"id:100000,deny\"\n", "seclang.file_refused", 1, 32),
            ("SecRule ARGS \"@rx (\" \"id:100000,deny\"\n", "seclang.regex", 1, 19),
            ("SecRule ARGS a \"id:100000,deny,chain\"\n", "seclang.chain_open", 1, 1),
            ("SecRule ARGS a \"id:100000,exec:/x\"\n", "seclang.refused_action", 1, 27),
        ] {
            let found = claims("a", text).unwrap_err();
            assert_eq!((found[0].code, found[0].line, found[0].column), (code, line, column), "{text}: {found:?}");
        }
    }
}
