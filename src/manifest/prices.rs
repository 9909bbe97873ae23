//! `prices:` what an hour costs.

use crate::keel::intent::Prices;
use crate::yaml::{At, Faults, Fields, Node, did_you_mean, shown};

/// Parts of a currency's unit that are counted.
const PARTS: u32 = 10_000;

/// Digits behind the point that are counted.
const DIGITS: usize = 4;

/// Reads `prices: { running: 0.36, stopped: 0.06 }`, if it is there.
pub(super) fn prices(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Prices> {
    let entry = fields.take("prices", faults)?;
    let expected = "a map such as `prices: { running: 0.36, stopped: 0.06 }`";
    let mut fields = Fields::of(&entry.value, "prices", expected, faults)?;
    let running = fields.required("running", entry.place, faults, price);
    let stopped = fields.required("stopped", entry.place, faults, price);
    fields.finish(faults);
    let prices = Prices { running: running?, stopped: stopped? };
    if prices.running < prices.stopped {
        let message =
            "`prices`: an hour stopped costs more than an hour running; are they swapped?";
        faults.warning(At::Place(entry.place), message);
    }
    Some(prices)
}

fn price(node: &Node) -> Result<u32, String> {
    let text = node.word()?;
    amount(text).ok_or_else(|| {
        let meant = Some(text.replace(',', ".")).filter(|meant| amount(meant).is_some());
        format!(
            "expected an amount such as `0.36`, with up to {DIGITS} digits behind the point, found \
             `{}`{}",
            shown(text),
            did_you_mean(meant.as_deref())
        )
    })
}

/// In ten-thousandths; `None` if `text` is not an amount with up to four digits behind the point.
pub fn amount(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > DIGITS {
        return None;
    }
    let part: u32 = format!("{part:0<DIGITS$}").parse().ok()?;
    whole.parse::<u32>().ok()?.checked_mul(PARTS)?.checked_add(part)
}
