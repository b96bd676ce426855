//! Formulas for the revenue of a hash and of a kilowatt-hour, and for the cost of capital.

use crate::units::{Usd, UsdPerKwh};

/// Number of blocks between two halvings of the subsidy (Bitcoin Core,
/// `consensus.nSubsidyHalvingInterval`).
pub(crate) const HALVING: u32 = 210_000;

/// Returns the subsidy of a block at a height, in bitcoin: 50, halved every [`HALVING`] blocks, in
/// whole satoshis.
///
/// Source: Bitcoin Core, `GetBlockSubsidy`.
#[must_use]
pub(crate) fn subsidy(height: u32) -> f64 {
    const SATOSHIS: f64 = 1e8;
    let satoshis = 5_000_000_000_u64.checked_shr(height / HALVING).unwrap_or(0);
    satoshis as f64 / SATOSHIS
}

/// Returns the number of blocks from a height to the next halving, 1 to [`HALVING`].
#[must_use]
pub(crate) fn blocks_to_halving(height: u32) -> u32 {
    HALVING - height % HALVING
}

/// Returns the difficulty at which a hash rate finds a block in ten minutes: hashes per second
/// times 600 seconds, divided by 2^32.
#[must_use]
pub(crate) fn difficulty(hashes_per_second: f64) -> f64 {
    const BLOCK_SECONDS: f64 = 600.0;
    hashes_per_second * BLOCK_SECONDS / HASHES
}

/// Expected hashes for a block at difficulty 1, as mining counts them: 2^32.
const HASHES: f64 = 4_294_967_296.0;

/// Inputs of mining revenue: bitcoin price, difficulty, block reward and pool fee.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Earnings {
    /// Price of one bitcoin, in US dollars.
    pub(crate) btc_price: Usd,
    /// Network difficulty: expected hashes to find a block, in units of 2^32.
    pub(crate) difficulty: f64,
    /// Subsidy and fees of one block, in bitcoin.
    pub(crate) btc_per_block: f64,
    /// Share of the revenue that the pool keeps, 0 to 1.
    pub(crate) pool_fee: f64,
}

impl Earnings {
    /// Returns the expected revenue of one hash, in US dollars, after the pool's fee.
    ///
    /// It is `btc_price * btc_per_block * (1 - pool_fee) / (difficulty * 2^32)`.
    #[must_use]
    pub(crate) fn per_hash(&self) -> Usd {
        self.btc_price * (self.btc_per_block * (1.0 - self.pool_fee) / (self.difficulty * HASHES))
    }

    /// Returns the *hashprice*: the revenue of one PH/s in a day, in US dollars, before the pool's
    /// fee.
    #[must_use]
    pub(crate) fn hashprice(&self) -> Usd {
        const PETA: f64 = 1e15;
        const DAY: f64 = 86_400.0;
        Self { pool_fee: 0.0, ..*self }.per_hash() * (PETA * DAY)
    }

    /// Returns the revenue of one kWh, in US dollars, after the pool's fee, at some hashes per
    /// joule. The kWh is at the same meter as the joules.
    #[must_use]
    pub(crate) fn per_kwh(&self, hashes_per_joule: f64) -> UsdPerKwh {
        UsdPerKwh::new((self.per_hash() * (hashes_per_joule * JOULES)).value())
    }
}

/// Joules in a kilowatt-hour.
const JOULES: f64 = 3.6e6;

/// Returns the yearly payment that pays back one dollar, with interest, over some years.
///
/// This is the capital recovery factor `r / (1 - (1 + r)^-n)` of a rate `r` (0.1 is 10 % a year)
/// and `n` years, or `1 / n` without interest.
#[must_use]
pub(crate) fn annuity(rate: f64, years: f64) -> f64 {
    if rate == 0.0 { 1.0 / years } else { rate / -(-years * rate.ln_1p()).exp_m1() }
}

/// Returns the yearly saving that, with interest, grows to one dollar over some years.
///
/// This is the sinking fund factor: the [`annuity`] less the rate.
#[must_use]
pub(crate) fn sinking(rate: f64, years: f64) -> f64 {
    annuity(rate, years) - rate
}

/// Returns the present value of a dollar a year from now until some years have passed, but for a factor
/// that is the same for all years: shares of it are shares of the present value.
#[must_use]
pub(crate) fn worth_until(years: f64, rate: f64) -> f64 {
    if rate == 0.0 { years } else { -(-years * rate.ln_1p()).exp_m1() }
}

/// Returns the equal payment that is worth as much as one of a dollar that rises each year by a share
/// (0.03 is 3 %), at a rate of interest, over some years.
#[must_use]
pub(crate) fn level(rise: f64, rate: f64, years: f64) -> f64 {
    let worth = |at: f64| worth_until(at, rate);
    let of_year = |year: i32| {
        let (from, until) = (f64::from(year), f64::from(year + 1).min(years));
        (worth(until) - worth(from)) * (1.0 + rise).powi(year)
    };
    (0..years.ceil() as i32).map(of_year).sum::<f64>() / worth(years)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "shares and subsidies that are exact in binary")]
mod tests {
    use super::*;

    fn earnings() -> Earnings {
        Earnings {
            btc_price: Usd::new(64_000.0),
            difficulty: 88.40e12,
            btc_per_block: 3.125,
            pool_fee: 0.0,
        }
    }

    #[test]
    fn the_hashprice_of_a_known_day() {
        assert_eq!(format!("{:.2}", earnings().hashprice().value()), "45.51");
        let with_fee = Earnings { pool_fee: 0.5, ..earnings() };
        assert_eq!(with_fee.hashprice(), earnings().hashprice());
        assert_eq!(with_fee.per_hash(), earnings().per_hash() / 2.0);
    }

    /// Luxor's hashprice of 2026-01-12 is 0.00043143 BTC and $39.53 a day, with fees averaged over
    /// 144 blocks and a price of its own, within 2 %.
    #[test]
    fn the_hashprice_of_another_day_is_that_of_an_index() {
        let day = Earnings {
            btc_price: Usd::new(91_132.0),
            difficulty: 148.26e12,
            btc_per_block: subsidy(932_000) + 17.0 / 3_167.0 * 3.125,
            pool_fee: 0.0,
        };
        let ratio = day.hashprice().value() / 39.53;
        assert!((ratio - 1.0).abs() < 0.02, "{ratio}");
    }

    /// A filing with the SEC of 2023-05-07: difficulty 21448277761059, subsidy 6.25, 1 PH/s for a day
    /// is 0.0058619 BTC.
    #[test]
    fn bitcoin_of_a_petahash_day_by_a_filing() {
        let day = Earnings {
            btc_price: Usd::new(1.0),
            difficulty: 21_448_277_761_059.0,
            btc_per_block: subsidy(788_000),
            pool_fee: 0.0,
        };
        assert_eq!(format!("{:.7}", day.hashprice().value()), "0.0058619");
    }

    #[test]
    fn a_kilowatt_hour_of_an_s21() {
        // 17.5 J/TH: 3.6e6 / 17.5 TH, at 45.51 dollars for 86,400 PH.
        let per_kwh = earnings().per_kwh(1e12 / 17.5).value();
        let by_hand = 3.6e6 / 17.5 * 1e12 * 45.51 / (1e15 * 86_400.0);
        assert!((per_kwh / by_hand - 1.0).abs() < 1e-3, "{per_kwh}");
        let harder = Earnings { difficulty: 2.0 * 88.40e12, ..earnings() };
        assert!((2.0 * harder.per_kwh(1e12 / 17.5).value() / per_kwh - 1.0).abs() < 1e-12);
    }

    #[test]
    fn subsidies_are_those_of_the_chain() {
        for (height, btc) in [
            (0, 50.0),
            (209_999, 50.0),
            (210_000, 25.0),
            (840_000, 3.125),
            (1_049_999, 3.125),
            (1_050_000, 1.5625),
            (6_929_999, 1e-8),
            (6_930_000, 0.0),
            (u32::MAX, 0.0),
        ] {
            assert_eq!(subsidy(height), btc, "{height}");
        }
        assert_eq!(
            [0, 209_999, 210_000, 932_000].map(blocks_to_halving),
            [210_000, 1, 210_000, 118_000]
        );
    }

    #[test]
    fn difficulty_and_hash_rate_are_one() {
        // 1,024 EH/s were counted in the week in which the difficulty was 148.26 T.
        let ratio = difficulty(1_024e18) / 148.26e12;
        assert!((0.95..1.05).contains(&ratio), "{ratio}");
        assert!((difficulty(HASHES / 600.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_rises_is_worth_its_mean() {
        assert_eq!(level(0.0, 0.1, 15.0), 1.0);
        // Without interest: the mean of 1, 1.5 and half a year of 2.25.
        assert_eq!(level(0.5, 0.0, 2.5), (1.0 + 1.5 + 1.125) / 2.5);
        // With interest of 100 %, the second of two years weighs half as much.
        assert!((level(0.3, 1.0, 2.0) - (2.0 + 1.3) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn capital_is_paid_back_with_interest() {
        assert_eq!(annuity(0.0, 4.0), 0.25);
        // By a table of annuities: 10 %, 10 years.
        assert_eq!(format!("{:.6}", annuity(0.1, 10.0)), "0.162745");
        assert_eq!(format!("{:.6}", sinking(0.1, 10.0)), "0.062745");
        assert_eq!(sinking(0.0, 4.0), 0.25);
        assert!((annuity(1e-12, 7.0) * 7.0 - 1.0).abs() < 1e-9);
    }
}
