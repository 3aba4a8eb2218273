//! The SecLang rule engine of Argos.
//!
//! Placeholder until the engine lands: the calls exist, no rule does.
#![allow(missing_docs, clippy::must_use_candidate, reason = "replaced as a whole by the engine")]

use std::net::IpAddr;

#[derive(Clone, Debug)]
pub struct RuleSet;

#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    pub unix_millis: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Detect,
    Block,
}

#[derive(Clone, Debug)]
pub struct Interruption {
    pub status: u16,
    pub phase: u8,
    pub rule_id: u64,
    pub action: Disruption,
    pub location: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disruption {
    Deny,
    Drop,
    Redirect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Clean,
    Detected,
    Blocked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Emergency,
    Notice,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        "NOTICE"
    }
}

#[derive(Clone, Debug)]
pub struct Matched {
    pub id: u64,
    pub phase: u8,
    pub msg: String,
    pub data: String,
    pub severity: Option<Severity>,
    pub tags: Vec<String>,
    pub file: String,
    pub line: u32,
    pub variable: String,
    pub value: Vec<u8>,
    pub log: bool,
}

#[derive(Clone, Debug)]
pub struct Outcome {
    pub interrupted: Option<Interruption>,
    pub verdict: Verdict,
    pub score_in: i64,
    pub score_out: i64,
    pub matched: Vec<Matched>,
}

impl RuleSet {
    pub fn transaction(&self, _: Now) -> Transaction {
        Transaction
    }
}

#[derive(Debug)]
pub struct Transaction;

impl Transaction {
    pub fn set_mode(&mut self, _: Mode) {}
    pub fn connection(&mut self, _: IpAddr, _: u16, _: IpAddr, _: u16) {}
    pub fn unique_id(&mut self, _: &str) {}
    pub fn server_name(&mut self, _: &[u8]) {}
    pub fn request_line(&mut self, _: &[u8], _: &[u8], _: &[u8]) {}
    pub fn request_header(&mut self, _: &[u8], _: &[u8]) {}
    pub fn phase1(&mut self) -> Option<Interruption> {
        None
    }
    pub fn wants_request_body(&self) -> bool {
        false
    }
    pub fn request_body(&mut self, _: &[u8]) {}
    pub fn phase2(&mut self) -> Option<Interruption> {
        None
    }
    pub fn response(&mut self, _: u16, _: &[u8]) {}
    pub fn response_header(&mut self, _: &[u8], _: &[u8]) {}
    pub fn phase3(&mut self) -> Option<Interruption> {
        None
    }
    pub fn wants_response_body(&self) -> bool {
        false
    }
    pub fn response_body(&mut self, _: &[u8]) {}
    pub fn phase4(&mut self) -> Option<Interruption> {
        None
    }
    pub fn finish(self) -> Outcome {
        Outcome { interrupted: None, verdict: Verdict::Clean, score_in: 0, score_out: 0, matched: Vec::new() }
    }
}
