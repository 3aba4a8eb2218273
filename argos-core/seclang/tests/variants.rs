//! Rule sets that share compiled rules against the same sets compiled afresh: the same matches and scores.

#![allow(clippy::unwrap_used, reason = "tests")]

mod shared;

use argos_seclang::{Builder, Exclusion, Limits, Mode, NoFiles, Outcome, RuleSet, Variant};
use shared::exchange::{Exchange, recorded, run, run_without, show};
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

/// Directives before all rules that do what an exclusion does.
fn as_ctl(ctl: &[&str]) -> String {
    let acts: String = ctl.iter().map(|ctl| format!(",ctl:{ctl}")).collect();
    format!("SecAction \"id:499,phase:1,pass,nolog{acts}\"\n")
}

#[test]
fn what_is_left_out_acts_as_ctl_before_all_rules() {
    let cases: [(&[Exclusion], &[&str]); 6] = [
        (&[], &[]),
        (&[Exclusion::id(941_100), Exclusion::id(2001)], &["ruleRemoveById=941100", "ruleRemoveById=2001"]),
        (&[Exclusion::tag("attack-xss"), Exclusion::id(77)], &["ruleRemoveByTag=attack-xss"]),
        (&[Exclusion::tag("Attack-XSS")], &[]),
        (
            &[Exclusion::tag("attack-xss").targets("ARGS:token").unwrap()],
            &["ruleRemoveTargetByTag=attack-xss;ARGS:token"],
        ),
        (
            &[Exclusion::id(942_100).targets("ARGS:/^q$/, REQUEST_COOKIES").unwrap(), Exclusion::id(930_120)],
            &[
                "ruleRemoveTargetById=942100;ARGS:/^q$/",
                "ruleRemoveTargetById=942100;REQUEST_COOKIES",
                "ruleRemoveById=930120",
            ],
        ),
    ];
    let core = folder("crs").map(|folder| folder.to_str().unwrap().to_owned());
    let build = |text: String| {
        let builder = match &core {
            Some(folder) => RuleSet::builder(Disk).crs(folder).paranoia(4),
            None => RuleSet::builder(NoFiles).baseline().paranoia(4),
        };
        let text = format!("SecRuleEngine DetectionOnly\n{text}");
        builder.rules_str("crs-setup-test.conf", text).compile().unwrap().0
    };
    let mut exchanges = made_up();
    exchanges.extend(recorded("e_attack", 40));
    let base = build(String::new());
    for (exclusions, ctl) in cases {
        let afresh = build(as_ctl(ctl));
        let mut always = base.vary();
        for exclusion in exclusions {
            always = always.leave_out(base.left_out(exclusion));
        }
        let always = always.compile().unwrap().0;
        let left: Vec<_> = exclusions.iter().map(|exclusion| base.left_out(exclusion)).collect();
        for exchange in &exchanges {
            // The set-up rule itself matches.
            let expected = show(&without(run(&afresh, exchange), 499));
            assert_eq!(show(&run(&always, exchange)), expected, "{ctl:?} {exchange:?}");
            assert_eq!(show(&run_without(&base, exchange, &left)), expected, "{ctl:?} {exchange:?}");
            assert_eq!(show(&run_without(&base.plain(), exchange, &left)), expected, "{ctl:?} {exchange:?}");
        }
    }
}

fn without(mut outcome: Outcome, id: u64) -> Outcome {
    outcome.matched.retain(|matched| matched.id != id);
    outcome
}

#[test]
fn nothing_leaves_out_rules_that_set_up_sum_or_block() {
    let base = RuleSet::builder(NoFiles).baseline().compile().unwrap().0;
    for (exclusion, rules, protected) in [
        (Exclusion::id(9109), 0, true),
        (Exclusion::id(500), 0, true),
        (Exclusion::id(200_002), 0, true),
        (Exclusion::tag("anomaly-evaluation"), 0, true),
        (Exclusion::id(3001), 1, false),
        (Exclusion::id(949_110), 0, false),
    ] {
        let left = base.left_out(&exclusion);
        assert_eq!((left.rules(), left.names_protected()), (rules, protected), "{exclusion:?}");
        let set = base.vary().leave_out(left).compile().unwrap().0;
        let blocked = made_up().iter().any(|exchange| run(&set, exchange).interrupted.is_some());
        assert!(blocked, "{exclusion:?}");
    }
}

/// Own rules of each sort, some in two texts.
const OWN: [&[&str]; 10] = [
    &["SecRule ARGS:q \"@contains or\" \"id:100001,phase:2,pass,log,msg:'own %{MATCHED_VAR}',t:lowercase,\
       setvar:'tx.inbound_anomaly_score_pl1=+5'\""],
    &[
        "SecAction \"id:100002,phase:1,pass,nolog,ctl:ruleRemoveById=942100-942190,ctl:ruleRemoveTargetByTag=attack-xss;ARGS:x\"",
        "SecRule REQUEST_URI \"@rx etc\" \"id:100003,phase:2,pass,log,chain\"\nSecRule ARGS:file \"@pm passwd shadow\" \"ctl:ruleRemoveById=100004\"\n\
         SecRule ARGS \"@unconditionalMatch\" \"id:100004,phase:2,pass,log,t:urlDecodeUni,t:htmlEntityDecode\"",
    ],
    &[
        "SecRule REQUEST_METHOD GET \"id:100005,phase:1,pass,nolog,skipAfter:END\"\nSecAction \"id:100006,phase:1,deny\"\n\
       SecMarker END\nSecAction \"id:100007,phase:1,pass,log,msg:'behind'\"",
    ],
    &[
        "SecRuleRemoveById 941100-941199 930120\nSecRuleUpdateTargetByTag attack-sqli !ARGS:q\nSecRuleRemoveById 100008",
        "SecAction \"id:100008,phase:1,deny\"\nSecAction \"id:100009,phase:5,pass,log,msg:'last'\"",
    ],
    &[
        "SecRule TX:blocking_paranoia_level \"@ge 1\" \"id:100010,phase:1,pass,log\"\nSecRule &ARGS \"@gt 0\" \"id:100011,phase:2,block,log\"\n\
       SecRule RESPONSE_BODY \"@contains ODBC\" \"id:100012,phase:4,deny,status:502\"",
    ],
    &["SecRule ARGS:cmd \"@contains cat\" \"id:100013,phase:1,allow,log\""],
    &[
        "SecRuleUpdateTargetById 100014 !ARGS:q\nSecRule ARGS \"@rx .\" \"id:100014,phase:2,pass,log,multiMatch,t:base64Decode\"\n\
       SecRule XML:/* \"@rx x\" \"id:100015,phase:2,pass\"",
    ],
    // These need all rules.
    &["SecRuleUpdateActionById 941100 \"deny,status:418\""],
    &["SecRuleUpdateTargetById 941100 REQUEST_METHOD"],
    &[
        "SecAction \"id:100016,phase:2,pass,skipAfter:END-REQUEST-942-APPLICATION-ATTACK-SQLI\"\nSecAction \"id:100017,phase:2,pass,skip:1\"",
    ],
];

#[test]
fn own_rules_among_compiled_ones_act_as_compiled_with_them() {
    let core = folder("crs").map(|folder| folder.to_str().unwrap().to_owned());
    for folder in [None].into_iter().chain(core.map(Some)) {
        let builder = || {
            let builder = match &folder {
                Some(folder) => RuleSet::builder(Disk).crs(folder).paranoia(2),
                None => RuleSet::builder(NoFiles).baseline().paranoia(2),
            };
            builder.thresholds(20, 4)
        };
        let mut exchanges = made_up();
        exchanges.extend(recorded("e_attack", 10));
        let base = builder().compile().unwrap().0;
        for (at, texts) in OWN.iter().enumerate() {
            let named = |n: usize| format!("own {n}");
            let afresh = texts.iter().enumerate().fold(builder(), |b, (n, text)| b.custom(&named(n), text));
            let afresh = afresh.compile().unwrap().0;
            let varied = texts.iter().enumerate().fold(base.vary(), |b, (n, text)| b.custom(&named(n), text)).compile();
            let varied = match varied {
                Ok((varied, _)) if at < 7 => varied,
                Ok(_) => panic!("{texts:?} was taken"),
                Err(found) => {
                    assert_eq!((found[0].code, at >= 7), ("seclang.needs_all", true), "{texts:?}: {found:?}");
                    continue;
                }
            };
            assert_eq!(varied.rule_count(), afresh.rule_count(), "{texts:?}");
            let left =
                |set: &RuleSet| [set.left_out(&Exclusion::id(100_001)), set.left_out(&Exclusion::tag("attack-xss"))];
            for exchange in &exchanges {
                let expected = show(&run(&afresh, exchange));
                assert_eq!(show(&run(&varied, exchange)), expected, "{texts:?} {exchange:?}");
                assert_eq!(show(&run(&varied.plain(), exchange)), expected, "{texts:?} {exchange:?}");
                let expected = show(&run_without(&afresh, exchange, &left(&afresh)));
                assert_eq!(show(&run_without(&varied, exchange, &left(&varied))), expected, "{texts:?} {exchange:?}");
            }
        }
    }
}

#[test]
fn what_is_wrong_with_own_rules_is_found_among_compiled_ones() {
    let base = RuleSet::builder(NoFiles).baseline().rules_str("a.conf", "SecAction \"id:100001,phase:1,pass\"\n");
    let base = base.compile().unwrap().0;
    for (text, code, line) in [
        ("SecAction \"id:100001,pass\"", "seclang.id_duplicate", 1),
        ("\nSecRuleEngine Off", "seclang.custom_directive", 2),
        ("SecAction \"id:100002,pass\"\nSecRule ARGS \"@rx (\" \"id:100003,deny\"", "seclang.regex", 2),
        ("\n\nSecRuleUpdateTargetById 3001 !NOTHING", "seclang.unknown_variable", 3),
        ("SecRuleRemoveByTag (", "seclang.regex", 1),
    ] {
        let found = base.vary().custom("own", text).compile().unwrap_err();
        assert_eq!((found[0].code, found[0].line, found[0].file.as_str()), (code, line, "own"), "{text}: {found:?}");
    }
}

#[test]
fn patterns_of_own_rules_take_so_much_and_no_more() {
    let base = RuleSet::builder(NoFiles).baseline().compile().unwrap().0;
    let rules = |rule: &dyn Fn(usize) -> String, count: usize| (0..count).map(rule).collect::<String>();
    let rule = |id: usize, targets: &str, operator: &str, ctl: &str| {
        format!("SecRule {targets} \"{operator}\" \"id:{},phase:1,pass{ctl}\"\n", 100_001 + id)
    };
    let most = |texts: &[String]| {
        let named = |n: usize| format!("own {n}");
        let varied = texts.iter().enumerate().fold(base.vary(), |v, (n, text)| v.custom(&named(n), text)).compile();
        let builder = RuleSet::builder(NoFiles).baseline();
        let whole = texts.iter().enumerate().fold(builder, |b, (n, text)| b.custom(&named(n), text)).compile();
        let places = [varied, whole].map(|made| {
            made.map_err(|found| {
                let codes: Vec<&str> = found.iter().map(|d| d.code).collect();
                assert_eq!(codes, ["seclang.patterns_too_large"], "{found:?}");
                (found[0].file.clone(), found[0].line, found[0].column)
            })
        });
        let [varied, whole] = places.map(Result::err);
        assert_eq!(varied, whole);
        varied
    };
    let big = |id: usize| rule(id, "ARGS", &format!("@rx {}.{{20000}}", id % 10), "");
    assert_eq!(most(&[rules(&big, 4)]), None);
    let own = |n: usize, line, column| Some((format!("own {n}"), line, column));
    assert_eq!(most(&[rules(&big, 800)]), own(0, 9, 19));
    // All rows count, and every place where a pattern may stand.
    assert_eq!(most(&[rules(&big, 8), rule(9, "ARGS", "@rx a.{20000}", "")]), own(1, 1, 19));
    let look = |id: usize| rule(id, "ARGS", &format!("@rx (?=a.{{20000}}{id})(b)\\1"), "");
    assert!(most(&[rules(&look, 30)]).is_some_and(|(_, line, _)| line <= 10));
    let named = |id: usize| rule(id, "ARGS:/a.{20000}/", "@rx a", "");
    assert!(most(&[rules(&named, 30)]).is_some_and(|(_, line, column)| line <= 10 && column < 20));
    let ctl = |id: usize| rule(id, "ARGS", "@rx a", ",ctl:ruleRemoveTargetById=3001;ARGS:/a.{20000}/");
    assert!(most(&[rules(&ctl, 30)]).is_some_and(|(_, line, column)| line <= 10 && column > 40));
    let update = |id: usize| format!("SecRuleUpdateTargetById 3001 \"!ARGS:/a{id}.{{20000}}/|!ARGS:a\"\n");
    assert!(most(&[rules(&update, 30)]).is_some_and(|(_, line, column)| line <= 10 && column > 20));
}

/// Rules that sum and block: 949 and 980 of a core rule set, in small.
const SUMS: &str = "SecRule ARGS \"@contains evil\" \"id:1001001,phase:2,pass,log,tag:'found',msg:'x'\"\n\
    SecRule ARGS \"@contains evil\" \"id:949110,phase:2,deny,status:403,tag:'sum',tag:'found',msg:'x'\"\n";

#[test]
fn own_rules_change_no_rule_that_sets_up_sums_or_blocks() {
    let builder = || RuleSet::builder(NoFiles).rules_str("set.conf", SUMS);
    let base = builder().compile().unwrap().0;
    let made = |text: &str| {
        [base.vary().custom("own", text).compile(), builder().custom("own", text).compile()]
            .map(|made| made.map(|(set, _)| set).map_err(|found| (found[0].code, found[0].line, found[0].column)))
    };
    for (text, line, column) in [
        ("SecRuleRemoveById 949110", 1, 19),
        ("\nSecRuleRemoveById 1001001 949000-949999", 2, 27),
        ("SecRuleUpdateTargetById 949110 \"!ARGS\"", 1, 25),
        ("SecRuleUpdateActionById 949110 \"pass\"", 1, 25),
        ("SecAction \"id:100001,phase:1,pass,ctl:ruleRemoveById=949110\"", 1, 39),
        ("SecAction \"id:100001,phase:1,pass,ctl:ruleRemoveTargetById=949110;ARGS\"", 1, 39),
    ] {
        for made in made(text) {
            assert_eq!(made.unwrap_err(), ("seclang.protected", line, column), "{text}");
        }
    }
    let evil = Exchange { line: [b"GET".to_vec(), b"/?a=evil".to_vec(), b"HTTP/1.1".to_vec()], ..Exchange::default() };
    let ids = |set: &RuleSet| {
        let matched = run(set, &evil).matched;
        matched.iter().map(|found| found.id).filter(|id| *id != 100_001).collect::<Vec<_>>()
    };
    assert_eq!(ids(&base), [1_001_001, 949_110]);
    for text in [
        "SecRuleRemoveById 900000-2000000",
        "SecRuleRemoveByTag .",
        "SecRuleRemoveByMsg x",
        "SecRuleUpdateTargetByTag found \"!ARGS\"",
        "SecAction \"id:100001,phase:1,nolog,pass,ctl:ruleRemoveById=900000-2000000\"",
        "SecAction \"id:100001,phase:1,nolog,pass,ctl:ruleRemoveByTag=found\"",
        "SecAction \"id:100001,phase:1,nolog,pass,ctl:ruleRemoveByMsg=x\"",
        "SecAction \"id:100001,phase:1,nolog,pass,ctl:ruleRemoveTargetByTag=found;ARGS\"",
    ] {
        for made in made(text) {
            let set = made.unwrap();
            assert_eq!((ids(&set), ids(&set.plain())), (vec![949_110], vec![949_110]), "{text}");
        }
    }
    // The files of a rule set may.
    let set = builder().rules_str("after.conf", "SecRuleRemoveById 949110\n").compile().unwrap().0;
    assert_eq!(ids(&set), [1_001_001]);
}
