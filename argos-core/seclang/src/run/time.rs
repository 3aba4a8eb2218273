//! `TIME*`: the transaction's beginning in parts, UTC.

use crate::variables::VarId;

/// The text of a time variable at `unix_millis`.
pub(super) fn part(variable: VarId, unix_millis: i64) -> String {
    let seconds = unix_millis.div_euclid(1000);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let (year, month, day) = civil(days);
    match variable {
        VarId::Time => format!("{hour:02}:{minute:02}:{second:02}"),
        VarId::TimeEpoch => seconds.to_string(),
        VarId::TimeHour => hour.to_string(),
        VarId::TimeMin => minute.to_string(),
        VarId::TimeSec => second.to_string(),
        VarId::TimeDay => day.to_string(),
        // Months count from 0, as in C.
        VarId::TimeMon => (month - 1).to_string(),
        VarId::TimeYear => year.to_string(),
        // 1970-01-01 was a Thursday; Sunday is 0.
        VarId::TimeWday => (days + 4).rem_euclid(7).to_string(),
        _ => String::new(),
    }
}

/// Days since 1970 to year, month, day, by counting eras of 400 years that begin in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}
