use super::*;

fn timing(cron: &str, zone: &str) -> Timing {
    Timing { cron: Cron::parse(cron, "").unwrap(), time_zone: TimeZone::parse(zone, "").unwrap() }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The due times after this one, in UTC.
fn next(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let timing = timing(cron, zone);
    let times = timing.from(timing.after(at(after)).unwrap()).take(count);
    times.map(|time| time.format("%m-%dT%H:%M").to_string()).collect()
}

#[test]
fn expressions_are_read_as_cron_does() {
    assert_eq!(next("0 7 * * MON-FRI", "UTC", "2026-01-02T07:00:00Z", 2), ["01-05T07:00", "01-06T07:00"]);
    assert_eq!(next("*/15 * * * *", "UTC", "2026-01-01T00:00:00.5Z", 2), ["01-01T00:15", "01-01T00:30"]);
    assert_eq!(next("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 1), ["02-29T00:00"]);
    assert_eq!(next("@daily", "UTC", "2026-01-01T12:00:00Z", 1), ["01-02T00:00"]);
    // either of the two days, if both are given
    assert_eq!(next("0 0 13 * FRI", "UTC", "2026-01-03T00:00:00Z", 2), ["01-09T00:00", "01-13T00:00"]);
    assert_eq!(next("0 0 L * *", "UTC", "2026-02-01T00:00:00Z", 1), ["02-28T00:00"]);
    assert_eq!(timing(" 0  7 * * 1 ", "UTC").cron.as_str(), "0  7 * * 1");
}

#[test]
fn a_moment_before_it_is_due_it_is_not_over() {
    assert_eq!(next("0 12 * * *", "UTC", "2026-01-01T11:59:59.999Z", 1), ["01-01T12:00"]);
    assert_eq!(next("0 12 * * *", "UTC", "2026-01-01T12:00:00Z", 1), ["01-02T12:00"]);
    assert_eq!(next("0 12 * * *", "UTC", "2026-01-01T12:00:00.001Z", 1), ["01-02T12:00"]);
}

#[test]
fn what_is_no_expression_is_refused_with_examples() {
    for (bad, code) in [
        ("", "required"),
        ("hourly", "cron_invalid"),
        ("@never", "cron_invalid"),
        ("* * * *", "cron_invalid"),
        ("0 0 7 * * *", "cron_invalid"),
        ("0 7 * * * 2026", "cron_invalid"),
        ("60 * * * *", "cron_invalid"),
        ("0 24 * * *", "cron_invalid"),
        ("*/0 * * * *", "cron_invalid"),
        ("0 0 30 2 *", "cron_never_due"),
        ("0 0 31 4,6,9,11 *", "cron_never_due"),
    ] {
        let refused = Cron::parse(bad, "/cron").unwrap_err();
        assert_eq!((refused.code, refused.pointer.as_str()), (code, "/cron"), "{bad}");
        assert!(code == "required" || refused.detail.contains("MON-FRI"), "{}", refused.detail);
    }
    assert_eq!(TimeZone::parse("Mars/Phobos", "/timeZone").unwrap_err().code, "time_zone_unknown");
    assert_eq!(TimeZone::parse("Europe/Amsterdam", "").unwrap().as_str(), "Europe/Amsterdam");
}

/// 29 March 2026: at 2:00, which is 1:00 UTC, the clocks of Amsterdam go to 3:00.
#[test]
fn a_time_that_is_left_out_happens_once_right_after_the_change() {
    let zone = "Europe/Amsterdam";
    assert_eq!(
        next("30 2 * * *", zone, "2026-03-28T00:00:00Z", 3),
        ["03-28T01:30", "03-29T01:00", "03-30T00:30"],
        "3:00 instead of 2:30"
    );
    assert_eq!(next("0 3 * * *", zone, "2026-03-28T12:00:00Z", 2), ["03-29T01:00", "03-30T01:00"]);
    assert_eq!(next("*/15 * * * *", zone, "2026-03-29T00:30:00Z", 3), ["03-29T00:45", "03-29T01:00", "03-29T01:15"]);
}

/// 25 October 2026: at 3:00, which is 1:00 UTC, they go back to 2:00.
#[test]
fn a_time_that_comes_twice_happens_the_first_time() {
    let zone = "Europe/Amsterdam";
    assert_eq!(next("30 2 * * *", zone, "2026-10-24T00:00:00Z", 3), ["10-24T00:30", "10-25T00:30", "10-26T01:30"]);
    assert_eq!(
        next("*/15 * * * *", zone, "2026-10-25T00:30:00Z", 6),
        ["10-25T00:45", "10-25T01:00", "10-25T01:15", "10-25T01:30", "10-25T01:45", "10-25T02:00"],
        "every quarter of an hour, also in the hour that comes twice"
    );
}

/// Whatever the expression, the zone and the moment: later, and the same from everywhere in between.
#[test]
fn due_times_follow_one_another() {
    let zones = ["UTC", "Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"];
    let crons = ["*/15 * * * *", "30 2 * * *", "0 * * * *", "15,45 1-3 * * *", "0 0 * * SUN", "59 23 L * *"];
    for zone in zones {
        for cron in crons {
            let timing = timing(cron, zone);
            for start in
                ["2026-03-07T00:00:00Z", "2026-03-28T00:00:00Z", "2026-10-24T00:00:00Z", "2026-10-31T00:00:00Z"]
            {
                let mut time = at(start);
                for _ in 0..200 {
                    let due = timing.after(time).unwrap();
                    assert!(due > time, "{cron} in {zone}: {due} after {time}");
                    let between = time + (due - time) / 2;
                    assert_eq!(timing.after(between), Some(due), "{cron} in {zone} after {between}");
                    time = due;
                }
            }
        }
    }
}

fn times(times: &[&str]) -> Vec<DateTime<Utc>> {
    times.iter().map(|time| at(time)).collect()
}

#[test]
fn what_was_missed_is_skipped_made_up_for_once_or_all_of_it() {
    let hourly = timing("0 * * * *", "UTC");
    let (first, now, next) = (at("2026-01-01T01:00:00Z"), at("2026-01-01T05:30:00Z"), Some(at("2026-01-01T06:00:00Z")));
    let limit = |most| MissedLimit::new(most, "").unwrap();
    let doing = |missed, most| due(&hourly, first, now, (missed, limit(most)));
    let last = times(&["2026-01-01T05:00:00Z"]);
    assert_eq!(doing(Missed::Skip, 1), Due { fires: vec![], passed: Some(last[0]), skipped: 4, next });
    assert_eq!(doing(Missed::Once, 9), Due { fires: last, passed: None, skipped: 4, next });
    let two = times(&["2026-01-01T04:00:00Z", "2026-01-01T05:00:00Z"]);
    assert_eq!(doing(Missed::All, 2), Due { fires: two, passed: None, skipped: 3, next });
    assert_eq!(doing(Missed::All, 1000).fires.len(), 5);
    assert_eq!(doing(Missed::All, 1000).skipped, 0);
}

#[test]
fn what_is_late_by_a_minute_is_not_missed() {
    let hourly = timing("0 * * * *", "UTC");
    let first = at("2026-01-01T01:00:00Z");
    for (late, fires) in [(0, 1), (60, 1), (61, 0)] {
        let now = first + TimeDelta::seconds(late);
        let doing = due(&hourly, first, now, (Missed::Skip, MissedLimit::default()));
        assert_eq!(doing.fires.len(), fires, "{late} s");
        assert_eq!(doing.next, Some(at("2026-01-01T02:00:00Z")));
    }
}

#[test]
fn an_outage_of_years_counts_for_one() {
    let (first, now) = (at("2006-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
    let doing = due(&timing("0 * * * *", "UTC"), first, now, (Missed::All, MissedLimit::new(3, "").unwrap()));
    assert_eq!(doing.fires, times(&["2025-12-31T22:00:00Z", "2025-12-31T23:00:00Z", "2026-01-01T00:00:00Z"]));
    assert_eq!(doing.skipped, 366 * 24 - 2);
    let rare =
        due(&timing("0 0 29 2 *", "UTC"), at("2024-02-29T00:00:00Z"), now, (Missed::Once, MissedLimit::default()));
    assert_eq!(rare.fires, times(&["2024-02-29T00:00:00Z"]), "however long ago");
}
