//! What goes into a rule set, in which order.

use std::sync::Arc;

use crate::baseline;
use crate::collections::Collections;
use crate::compile::crs::Folder;
use crate::compile::load::Compiler;
use crate::diagnostic::{Diagnostic, LoadReport};
use crate::limits::Limits;
use crate::operators::{GeoLookup, Resolver};
use crate::run::own::{HostValues, Own};
use crate::run::{Mode, RuleSet};
use crate::source::Loader;

/// Collects rule texts and settings; [`Builder::compile`] makes the [`RuleSet`].
///
/// Order: engine defaults, base rules, set-up texts (named `crs-setup…`), host values (id 500), the rest
/// in the order it was added. With a core rule set, its set-up comes before the caller's. With the baseline, its scores are set up before all of that and summed after it.
pub struct Builder {
    loader: Box<dyn Loader>,
    texts: Vec<Text>,
    values: HostValues,
    mode: Mode,
    limits: Limits,
    collections: Collections,
    web_app: Option<Vec<u8>>,
    geo: Option<Arc<dyn GeoLookup>>,
    resolver: Option<Arc<dyn Resolver>>,
}

/// Where what the host decides stands among the rules; its actions are those of [`Own`].
const HOST: &[u8] = b"SecAction \"id:500,phase:1,pass,nolog,t:none\"\n";

enum Text {
    Given(String, Vec<u8>),
    File(String),
    Baseline,
    Crs(String),
    Custom(String, Vec<u8>),
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("texts", &self.texts.len()).finish_non_exhaustive()
    }
}

impl Builder {
    pub(crate) fn new(loader: Box<dyn Loader>) -> Self {
        Self {
            loader,
            texts: Vec::new(),
            values: HostValues::default(),
            mode: Mode::Block,
            limits: Limits::default(),
            collections: Collections::new(),
            web_app: None,
            geo: None,
            resolver: None,
        }
    }

    /// Adds rule text under `name`, which diagnostics show and `Include` starts from.
    #[must_use]
    pub fn rules_str(mut self, name: &str, text: impl AsRef<[u8]>) -> Self {
        self.texts.push(Text::Given(name.to_owned(), text.as_ref().to_vec()));
        self
    }

    /// Adds the rule file `name`, read through the loader.
    #[must_use]
    pub fn rules_file(mut self, name: &str) -> Self {
        self.texts.push(Text::File(name.to_owned()));
        self
    }

    /// Adds the core rule set in the folder `name`, read through the loader.
    ///
    /// The caller's other texts then stand after its initialisation and before its detection; their
    /// `SecRuleRemove…` and `SecRuleUpdate…` act last, on all rules.
    #[must_use]
    pub fn crs(mut self, name: &str) -> Self {
        self.texts.push(Text::Crs(name.to_owned()));
        self
    }

    /// Adds a host's own rules under `name`: `SecRule`, `SecAction` and `SecMarker` with ids from 100000 to 899999
    /// (without 200000 to 200099), and `SecRuleRemove…` and `SecRuleUpdate…`. They name no files.
    ///
    /// The rules stand after the initialisation and before all else that detects, so that their `ctl` reaches every
    /// detection and their scores count. What they remove or update is done last, to all rules.
    #[must_use]
    pub fn custom(mut self, name: &str, text: impl AsRef<[u8]>) -> Self {
        self.texts.push(Text::Custom(name.to_owned(), text.as_ref().to_vec()));
        self
    }

    /// Adds the built-in rules.
    #[must_use]
    pub fn baseline(mut self) -> Self {
        self.texts.push(Text::Baseline);
        self
    }

    /// Sets `tx.blocking_paranoia_level`, 1 to 4.
    #[must_use]
    pub fn paranoia(mut self, level: u8) -> Self {
        self.values.paranoia = Some(level.clamp(1, 4));
        self
    }

    /// Sets `tx.detection_paranoia_level`, 1 to 4; it is the blocking level where it is not set.
    #[must_use]
    pub fn detection_paranoia(mut self, level: u8) -> Self {
        self.values.detection_paranoia = Some(level.clamp(1, 4));
        self
    }

    /// Sets `tx.inbound_anomaly_score_threshold` and `tx.outbound_anomaly_score_threshold`.
    #[must_use]
    pub fn thresholds(mut self, inbound: u32, outbound: u32) -> Self {
        self.values.thresholds = Some((inbound, outbound));
        self
    }

    /// What transactions do with a disruptive outcome unless told otherwise; default block.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Bounds before the rule text's own directives.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Shares the records of `IP`, `SESSION`, `USER`, `GLOBAL` and `RESOURCE` with other rule sets; without it
    /// this rule set and its clones have their own.
    #[must_use]
    pub fn collections(mut self, collections: Collections) -> Self {
        self.collections = collections;
        self
    }

    /// What `@geoLookup` asks where the rules name no database (`SecGeoLookupDb`); without either it never matches.
    #[must_use]
    pub fn geo(mut self, lookup: Arc<dyn GeoLookup>) -> Self {
        self.geo = Some(lookup);
        self
    }

    /// What `@rbl` asks; without it that operator is refused, in a core rule set it never matches.
    #[must_use]
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// `WEBAPPID` where no `SecWebAppId` says otherwise; default `default`.
    #[must_use]
    pub fn web_app(mut self, id: &str) -> Self {
        self.web_app = Some(id.as_bytes().to_vec());
        self
    }

    /// Compiles.
    ///
    /// # Errors
    /// All that is wrong with the texts, at most 100 findings.
    pub fn compile(self) -> Result<(RuleSet, LoadReport), Vec<Diagnostic>> {
        let mut compiler = Compiler::new(self.loader.as_ref(), self.limits.clone());
        compiler.lookups(self.geo.clone(), self.resolver.clone());
        if let Some(id) = &self.web_app {
            compiler.web_app(id);
        }
        compiler.text("base.conf", baseline::BASE);
        let folders = self.folders(&mut compiler);
        folders.iter().flat_map(|folder| &folder.setup).for_each(|file| compiler.packaged_file(file));
        let (setup, rest): (Vec<_>, Vec<_>) = self.texts.iter().partition(|text| text.is_setup());
        for text in setup {
            text.load(&mut compiler);
        }
        compiler.text("host.conf", HOST);
        let with_baseline = rest.iter().any(|text| matches!(text, Text::Baseline));
        if with_baseline {
            compiler.text("baseline/init.conf", baseline::INIT);
        }
        folders.iter().flat_map(|folder| &folder.before).for_each(|file| compiler.packaged_file(file));
        compiler.border();
        for text in &self.texts {
            if let Text::Custom(name, text) = text {
                compiler.custom_text(name, text);
            }
        }
        compiler.defer_edits(!folders.is_empty());
        for text in rest {
            text.load(&mut compiler);
        }
        compiler.defer_edits(false);
        folders
            .iter()
            .flat_map(|folder| folder.rules.iter().chain(&folder.after))
            .for_each(|file| compiler.packaged_file(file));
        compiler.deferred_edits();
        if with_baseline {
            compiler.text("baseline/evaluate.conf", baseline::EVALUATE);
        }
        compiler.custom_edits();
        let (program, settings, report) = compiler.finish()?;
        let mut own = Own::new(settings);
        own.values(&program, self.values);
        Ok((RuleSet::new(program, own, self.mode, self.collections), report))
    }

    fn folders(&self, compiler: &mut Compiler<'_>) -> Vec<Folder> {
        let mut folders = Vec::new();
        for text in &self.texts {
            let Text::Crs(name) = text else { continue };
            match Folder::list(self.loader.as_ref(), name) {
                Ok(folder) => folders.push(folder),
                Err(error) => compiler.missing(name, &error),
            }
        }
        folders
    }
}

impl Text {
    fn is_setup(&self) -> bool {
        let name = match self {
            Text::Given(name, _) | Text::File(name) => name,
            Text::Baseline | Text::Crs(_) | Text::Custom(..) => return false,
        };
        name.rsplit('/').next().is_some_and(|file| file.starts_with("crs-setup"))
    }

    fn load(&self, compiler: &mut Compiler<'_>) {
        match self {
            Text::Given(name, text) => compiler.text(name, text),
            Text::File(name) => compiler.file(name),
            // Its files are loaded around the others; own rules before them.
            Text::Crs(_) | Text::Custom(..) => {}
            Text::Baseline => {
                compiler.text("baseline/detect.conf", baseline::DETECT);
                compiler.text("baseline/outbound.conf", baseline::OUTBOUND);
            }
        }
    }
}
