//! Rule sets that share compiled rules against the same sets compiled afresh: the same matches and scores.

#![allow(clippy::unwrap_used, reason = "tests")]

mod shared;

use argos_seclang::{Builder, Limits, Mode, NoFiles, RuleSet, Variant};
use shared::exchange::{Exchange, recorded, run, show};
use shared::{Disk, folder};

/// Attacks and harmless requests that need no recording.
fn made_up() -> Vec<Exchange> {
    let uris: [&[u8]; 6] = [
        b"/?q=1%27%20OR%20%271%27=%271",
        b"/a?x=%3Cscript%3Ealert(1)%3C/script%3E&token=%3Cscript%3E",
        b"/../../etc/passwd",
        b"/?file=../../../../etc/passwd",
        b"/?cmd=;cat%20/etc/passwd",
        b"/shop?item=3&page=2",
    ];
    let exchange = |uri: &[u8]| Exchange {
        line: [b"GET".to_vec(), uri.to_vec(), b"HTTP/1.1".to_vec()],
        headers: [("Host", "example.com"), ("User-Agent", "test"), ("Accept", "*/*")]
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
        ..Exchange::default()
    };
    uris.into_iter().map(exchange).collect()
}

fn same(varied: &RuleSet, afresh: &RuleSet, exchanges: &[Exchange]) {
    assert_eq!(varied.rule_count(), afresh.rule_count());
    assert_eq!(varied.limits(), afresh.limits());
    for exchange in exchanges {
        assert_eq!(show(&run(varied, exchange)), show(&run(afresh, exchange)), "{exchange:?}");
    }
}

type Values = (Option<u8>, Option<u8>, Option<(u32, u32)>);

const VALUES: [Values; 5] = [
    (None, None, None),
    (Some(1), None, None),
    (Some(2), Some(4), Some((3, 2))),
    (Some(4), None, Some((100, 90))),
    (None, Some(3), Some((5, 4))),
];

fn build(mut builder: Builder, (paranoia, detection, thresholds): Values) -> RuleSet {
    if let Some(level) = paranoia {
        builder = builder.paranoia(level);
    }
    if let Some(level) = detection {
        builder = builder.detection_paranoia(level);
    }
    if let Some((inbound, outbound)) = thresholds {
        builder = builder.thresholds(inbound, outbound);
    }
    builder.compile().unwrap().0
}

fn vary(set: &RuleSet, (paranoia, detection, thresholds): Values) -> Variant {
    let mut variant = set.vary();
    if let Some(level) = paranoia {
        variant = variant.paranoia(level);
    }
    if let Some(level) = detection {
        variant = variant.detection_paranoia(level);
    }
    if let Some((inbound, outbound)) = thresholds {
        variant = variant.thresholds(inbound, outbound);
    }
    variant
}

#[test]
fn host_values_and_exclusions_act_as_if_compiled_in() {
    // An own exclusion of each sort; each removes or hides what the requests above meet.
    let exclusions = [
        "",
        "SecRuleRemoveById 942100-942190 930120\n",
        "SecRuleRemoveByTag attack-xss\nSecRuleRemoveByTag attack-lfi\n",
        "SecRuleUpdateTargetById 941100-941199 !ARGS:token\nSecRuleUpdateTargetByTag attack-rce !ARGS:cmd\n",
        "SecRuleUpdateTargetByTag . !ARGS|!REQUEST_URI\n",
        "SecRuleRemoveByMsg (?i)sql\n",
    ];
    let core = folder("crs").map(|folder| folder.to_str().unwrap().to_owned());
    let builder = |text: &str| match &core {
        // Nothing ends a transaction, so that every rule is tried.
        Some(folder) => RuleSet::builder(Disk)
            .rules_str("crs-setup-test.conf", "SecRuleEngine DetectionOnly\n")
            .crs(folder)
            .rules_str("own.conf", text),
        None => RuleSet::builder(NoFiles).baseline().rules_str("own.conf", text),
    };
    let mut exchanges = made_up();
    exchanges.extend(recorded("e_attack", 40));
    let base = builder("").compile().unwrap().0;
    for (values, exclusions) in VALUES.into_iter().chain([VALUES[3]]).zip(exclusions) {
        let varied = vary(&base, values).exclusions("own.conf", exclusions).compile().unwrap().0;
        same(&varied, &build(builder(exclusions), values), &exchanges);
    }
}

#[test]
fn a_variant_keeps_what_it_does_not_set() {
    let texts = "SecRequestBodyLimit 77\n";
    let limits = |arguments| Limits { arguments, request_body_bytes: 5, ..Limits::default() };
    let builder = |arguments| {
        let builder = RuleSet::builder(NoFiles).baseline().rules_str("own.conf", texts);
        builder.limits(limits(arguments)).mode(Mode::Detect)
    };
    let base = build(builder(9), VALUES[2]);
    same(&base.vary().compile().unwrap().0, &base, &made_up());
    let varied = base.vary().paranoia(3).limits(limits(8)).compile().unwrap().0;
    assert_eq!((varied.limits().arguments, varied.limits().request_body_bytes), (8, 77));
    same(&varied, &build(builder(8), (Some(3), Some(4), Some((3, 2)))), &made_up());
    let blocking = varied.vary().mode(Mode::Block).compile().unwrap().0;
    assert!(made_up().iter().any(|e| run(&blocking, e).interrupted.is_some() && run(&varied, e).interrupted.is_none()));
}

#[test]
fn rules_that_are_left_out_are_not_counted_by_skip() {
    let rule = |id: u32, more: &str| format!("SecAction \"id:{id},phase:1,pass,{more}\"\n");
    let text = [rule(1, "skip:1"), rule(2, "nolog"), rule(3, "nolog"), rule(4, "nolog")].concat();
    let exclusion = "SecRuleRemoveById 2\n";
    let base = RuleSet::builder(NoFiles).rules_str("a.conf", &text).compile().unwrap().0;
    let afresh = RuleSet::builder(NoFiles).rules_str("a.conf", text + exclusion).compile().unwrap().0;
    let varied = base.vary().exclusions("b.conf", exclusion).compile().unwrap().0;
    let ids = |set: &RuleSet| run(set, &made_up()[0]).matched.iter().map(|m| m.id).collect::<Vec<_>>();
    assert_eq!(ids(&base), [1, 3, 4]);
    assert_eq!(ids(&varied), [1, 4]);
    assert_eq!(ids(&afresh), [1, 4]);
}

#[test]
fn what_excludes_nothing_is_refused_with_its_place() {
    let base = RuleSet::builder(NoFiles).baseline().compile().unwrap().0;
    for (text, code, line) in [
        ("\nSecRuleEngine Off\n", "seclang.not_an_exclusion", 2),
        ("SecRuleUpdateTargetById 1-9 ARGS:a\n", "seclang.not_an_exclusion", 1),
        ("SecRuleRemoveById x\n", "seclang.directive_value", 1),
        ("SecRuleRemoveById\n", "seclang.argument_count", 1),
        ("SecRuleUpdateTargetByTag a\n", "seclang.argument_count", 1),
        ("SecRule ARGS @rx \"id:1\"\n", "seclang.not_an_exclusion", 1),
        ("SecRuleRemoveByMsg (\n", "seclang.regex", 1),
    ] {
        let found = base.vary().exclusions("own.conf", text).compile().unwrap_err();
        let first = &found[0];
        assert_eq!((first.code, first.line, first.file.as_ref()), (code, line, "own.conf"), "{text}: {found:?}");
    }
    let (_, report) = base.vary().exclusions("own.conf", "SecRuleUpdateTargetById 7 !ARGS\n").compile().unwrap();
    assert_eq!(report.warnings.iter().map(|w| w.code).collect::<Vec<_>>(), ["seclang.no_such_rule"]);
}
