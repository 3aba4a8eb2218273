//! Changes made by dice, and what is stored and running as values that can be compared.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::io::Read as _;

use argos_core::Argos;
use argos_core::snapshot::{Snapshot, Waf};
use argos_core::store::CONFIG_TABLES;
use flate2::read::GzDecoder;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Value, json};

/// A snapshot as text, the same for the same configuration. Maps are sorted; rule sets are compared by what they
/// are composed from.
pub fn text(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = vec![format!(
        "{} {:?} {:?} {:?} {:?}",
        snapshot.generation, snapshot.proxy, snapshot.appsec, snapshot.masked, snapshot.panel_settings
    )];
    let names: BTreeMap<_, _> = snapshot.names.iter().map(|(id, name)| (id.0, name)).collect();
    lines.push(format!("{names:?}"));
    let hosts: BTreeMap<_, _> = snapshot.hosts.iter().collect();
    for (name, host) in hosts {
        let tuning = |w: &Waf| w.tuned.as_ref().map(|tuned| format!("{:?}", tuned.tuning()));
        let waf = host.waf.as_ref();
        let waf = waf.map(|w| (w.key, w.mode, w.block_status, w.block_body.clone(), w.response_body, tuning(w)));
        lines.push(format!(
            "{name}: {:?} {} {} {:?} {:?} {} {:?} {:?} {:?} {:?} {waf:?}",
            host.id,
            host.domain,
            host.enabled,
            host.group,
            host.max_body_bytes,
            host.access_log,
            host.tls.clients,
            host.access,
            host.fault,
            host.rules
        ));
    }
    let groups: BTreeMap<_, _> = snapshot.groups.iter().map(|(id, group)| (id.0, format!("{group:?}"))).collect();
    lines.extend(groups.into_values());
    lines
}

/// Numbers that look random and are the same in every run: SplitMix64.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }

    fn coin(&mut self) -> bool {
        self.roll(2) == 0
    }

    /// One of the stored ids, or one that may not exist.
    fn id(&mut self, known: &[i64]) -> i64 {
        if known.is_empty() || self.roll(12) == 0 {
            return i64::try_from(self.roll(40)).unwrap() + 1;
        }
        known[usize::try_from(self.roll(known.len() as u64)).unwrap()]
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.roll(words.len() as u64)).unwrap()]
    }
}

fn list(argos: &Argos, name: &str, input: Value) -> Vec<i64> {
    let page = argos.call(name, input.as_object().unwrap().clone());
    let Ok(page) = page else { return Vec::new() };
    page.value["items"].as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect()
}

/// One operation; many are refused, which must change nothing.
pub fn operation(argos: &Argos, dice: &mut Dice) -> (&'static str, Value) {
    let hosts = list(argos, "hosts.list", json!({}));
    let groups = list(argos, "target_groups.list", json!({}));
    let (host, group) = (dice.id(&hosts), dice.id(&groups));
    let targets = list(argos, "targets.list", json!({"target_group_id": group}));
    let mut rules = list(argos, "rules.list", json!({"host_id": host}));
    let exclusions = list(argos, "exclusions.list", json!({"host_id": host}));
    let exclusion = dice.id(&exclusions);
    let own = list(argos, "custom_rules.list", json!({"host_id": host}));
    let own = dice.id(&own);
    let text = ["SecRuleRemoveById 3001", "SecAction \"id:100001,phase:1,pass\"", "SecRuleEngine Off"];
    let secrule = dice.of(&text);
    let (target, rule) = (dice.id(&targets), dice.id(&rules));
    let domain = format!("{}{}.example", dice.of(&["", "*."]), dice.of(&["a", "b", "c", "d", "e"]));
    let port = dice.roll(5);
    let on = dice.coin();
    let action = match dice.roll(5) {
        0 => json!({"type": "forward", "config": {"target_group_id": group}}),
        1 => {
            json!({"type": "redirect", "config": {"status_code": 302 + 10 * (dice.roll(6) / 5), "target": "https://{host}{path}"}})
        }
        2 => json!({"type": "fixed_response", "config": {"status_code": 200, "body": "text"}}),
        3 => json!({"type": "rewrite", "config": {"strip_prefix": "/x"}}),
        _ => json!({"type": "block", "config": {}}),
    };
    let matchers = match dice.roll(4) {
        0 => json!([{"type": "path", "config": {"patterns": ["/a*"]}}]),
        1 => json!([{"type": "path_regex", "config": {"pattern": dice.of(&["^/(x)", "("])}}]),
        _ => json!([]),
    };
    // Most operations need a host.
    let sides = if hosts.is_empty() { 4 } else { 36 };
    match dice.roll(sides) {
        0..=2 => (
            "hosts.create",
            json!({"domain": domain, "tls_mode": "none", "target_group": {"targets": [{"host": "127.0.0.1", "port": port}]}}),
        ),
        3 => ("hosts.create", json!({"domain": domain, "tls_mode": "none", "target_group_id": group, "enabled": on})),
        4 => ("hosts.update", json!({"id": host, "domain": domain, "target_group_id": group})),
        5 => (
            "hosts.update",
            json!({"id": host, "auth_required": on, "max_body_bytes": if on { json!(9) } else { Value::Null }}),
        ),
        6 => ("hosts.toggle", json!({"id": host, "enabled": on})),
        7 => ("hosts.delete", json!({"id": host})),
        8 => ("target_groups.create", json!({"name": domain.replace('*', "x"), "targets": []})),
        9 => ("target_groups.update", json!({"id": group, "preserve_host": on, "max_retries": port})),
        10 => ("target_groups.delete", json!({"id": group})),
        11 => ("targets.create", json!({"target_group_id": group, "host": "::1", "port": port, "weight": 1 + port})),
        12 => ("targets.update", json!({"target_group_id": group, "id": target, "port": port})),
        13 => ("targets.toggle", json!({"target_group_id": group, "id": target, "enabled": on})),
        14 => ("targets.delete", json!({"target_group_id": group, "id": target})),
        15 | 16 => ("rules.create", json!({"host_id": host, "action": action, "matchers": matchers, "enabled": on})),
        17 => ("rules.update", json!({"host_id": host, "id": rule, "action": action, "matchers": matchers})),
        18 => ("rules.toggle", json!({"host_id": host, "id": rule, "enabled": on})),
        22 => ("rules.delete", json!({"host_id": host, "id": rule})),
        19 => {
            rules.reverse();
            ("rules.reorder", json!({"host_id": host, "rule_ids": rules}))
        }
        20 => (
            "security.update",
            json!({"host_id": host, "waf_enabled": dice.coin(), "waf_paranoia": dice.roll(6),
                "waf_mode": dice.of(&["detect", "block"]), "waf_inbound_threshold": if on { json!(7) } else { Value::Null }}),
        ),
        26 | 27 => (
            "exclusions.create",
            json!({"host_id": host, "crs_rule_id": 3000 + dice.roll(3), "enabled": on,
                "path_pattern": dice.of(&["", "/a", "x"]), "target": dice.of(&["", "ARGS:a", "?"])}),
        ),
        28 => ("exclusions.update", json!({"host_id": host, "id": exclusion, "method": dice.of(&["", "GET", "g"])})),
        29 => ("exclusions.toggle", json!({"host_id": host, "id": exclusion, "enabled": on})),
        30 => ("exclusions.delete", json!({"host_id": host, "id": exclusion})),
        31 | 32 => ("custom_rules.create", json!({"host_id": host, "secrule": secrule, "enabled": on})),
        33 => ("custom_rules.update", json!({"host_id": host, "id": own, "secrule": secrule})),
        34 => ("custom_rules.toggle", json!({"host_id": host, "id": own, "enabled": on})),
        35 => ("custom_rules.delete", json!({"host_id": host, "id": own})),
        _ => match dice.roll(3) {
            0 => ("settings.set", json!({"key": "appsec.inbound_threshold", "value": dice.of(&["5", "6", "0"])})),
            1 => {
                ("settings.update", json!({"proxy.max_retries": dice.of(&["1", "2", "9"]), "logs.mask_params": "a,b"}))
            }
            _ if on => ("access.replace", json!({"host_id": host, "users": [], "roles": ["viewer"]})),
            _ => ("settings.reset", json!({"key": "appsec.inbound_threshold"})),
        },
    }
}

/// Rows of configuration by table and key.
pub type Rows = BTreeMap<(String, String), Value>;

/// What is stored, except the number of the generation itself.
pub fn stored(db: &Connection) -> Rows {
    let mut rows = Rows::new();
    for table in CONFIG_TABLES {
        let mut statement = db.prepare(&format!("SELECT * FROM {}", table.name)).unwrap();
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut found = statement.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            let value = |i: usize| match row.get_ref(i).unwrap() {
                ValueRef::Integer(n) => json!(n),
                ValueRef::Text(t) => json!(std::str::from_utf8(t).unwrap()),
                ValueRef::Null => Value::Null,
                other => panic!("{}: {other:?}", table.name),
            };
            let row: Value = columns.iter().enumerate().map(|(i, c)| (c.clone(), value(i))).collect();
            rows.insert((table.name.into(), row[table.key].to_string()), row);
        }
    }
    rows.remove(&("settings".into(), json!("config.generation").to_string()));
    rows
}

/// The oldest kept full copy and every recorded change after it, checked on the way.
pub fn played_back(db: &Connection) -> Rows {
    let unpacked = |packed: Vec<u8>| -> Value {
        let mut text = String::new();
        GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let mut rows = Rows::new();
    let sql = "SELECT generation, changes, checkpoint FROM config_versions ORDER BY generation";
    let mut statement = db.prepare(sql).unwrap();
    let versions = statement.query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get(1)?, r.get(2)?))).unwrap();
    let mut expected = None;
    for version in versions {
        let (generation, changes, checkpoint): (i64, Vec<u8>, Option<Vec<u8>>) = version.unwrap();
        if expected.is_none() {
            for (table, list) in unpacked(checkpoint.expect("the first row has a full copy")).as_object().unwrap() {
                let key = CONFIG_TABLES.iter().find(|t| t.name == table).unwrap().key;
                for row in list.as_array().unwrap() {
                    rows.insert((table.clone(), row[key].to_string()), row.clone());
                }
            }
            rows.remove(&("settings".into(), json!("config.generation").to_string()));
            expected = Some(generation + 1);
            continue;
        }
        assert_eq!(Some(generation), expected, "no generation is left out");
        expected = Some(generation + 1);
        for change in unpacked(changes).as_array().unwrap() {
            let at = (change["table"].as_str().unwrap().to_owned(), change["key"].to_string());
            let before =
                if change["new"].is_null() { rows.remove(&at) } else { rows.insert(at, change["new"].clone()) };
            assert_eq!(before.unwrap_or_default(), change["old"], "generation {generation}: the row before");
        }
        if let Some(copy) = checkpoint {
            let count: usize = unpacked(copy).as_object().unwrap().values().map(|l| l.as_array().unwrap().len()).sum();
            assert_eq!(count, rows.len() + 1, "generation {generation}: rows of the full copy");
        }
    }
    rows
}
