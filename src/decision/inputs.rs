//! The inputs of a decision that may turn out otherwise than quoted or measured, and a multiple of
//! each for a scenario.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Input of a decision that may turn out otherwise than it was quoted or measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UncertainInput {
    /// Price of a bitcoin.
    BtcPrice,
    /// Growth of the price of a bitcoin in a year.
    BtcGrowth,
    /// Network difficulty of finding a block.
    Difficulty,
    /// Growth of the difficulty in a year.
    DifficultyGrowth,
    /// Transaction fees of a block.
    Fees,
    /// Share of mining revenue that the pool keeps.
    PoolFee,
    /// Price of power, in all hours alike.
    Tariff,
    /// Curtailment credit: what the grid pays for power that is not drawn.
    Credit,
    /// Payment for mining that could be switched off at once.
    Readiness,
    /// Operating cost of mining, besides energy.
    MiningOperations,
    /// Operating cost of AI, besides energy.
    AiOperations,
    /// Rental price of an hour of the device.
    RentalPrice,
    /// Utilisation: the share of the hours in which the device is rented.
    Utilisation,
    /// Share of the rent that the market keeps.
    MarketFee,
    /// Rent of the tenant.
    Contract,
    /// Utilisation of the tenant: the share of the agreed power that he draws.
    TenantUse,
    /// Revenue of the tenant, of which the site has a share.
    TenantRevenue,
    /// Cost of converting a megawatt of the site to AI.
    Retrofit,
    /// Cost of converting the device itself to AI.
    Conversion,
    /// Cost of building out a megawatt for the tenant.
    BuildOut,
    /// Price for which the device can be sold or bought.
    Hardware,
    /// Hashes per joule of the device, as measured.
    HashesPerJoule,
    /// Power of the device while serving AI, as measured.
    AiPower,
}

impl UncertainInput {
    /// All inputs, in the order in which they are declared.
    pub const ALL: [Self; 23] = [
        Self::BtcPrice,
        Self::BtcGrowth,
        Self::Difficulty,
        Self::DifficultyGrowth,
        Self::Fees,
        Self::PoolFee,
        Self::Tariff,
        Self::Credit,
        Self::Readiness,
        Self::MiningOperations,
        Self::AiOperations,
        Self::RentalPrice,
        Self::Utilisation,
        Self::MarketFee,
        Self::Contract,
        Self::TenantUse,
        Self::TenantRevenue,
        Self::Retrofit,
        Self::Conversion,
        Self::BuildOut,
        Self::Hardware,
        Self::HashesPerJoule,
        Self::AiPower,
    ];

    /// Returns the input's name in tables, as in `BTC price`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BtcPrice => "BTC price",
            Self::BtcGrowth => "growth of the BTC price",
            Self::Difficulty => "difficulty",
            Self::DifficultyGrowth => "growth of difficulty",
            Self::Fees => "fees of blocks",
            Self::PoolFee => "pool fee",
            Self::Tariff => "power tariff",
            Self::Credit => "credit for curtailment",
            Self::Readiness => "payment for readiness",
            Self::MiningOperations => "operations of mining",
            Self::AiOperations => "operations of AI",
            Self::RentalPrice => "price of an AI hour",
            Self::Utilisation => "AI utilisation",
            Self::MarketFee => "market's fee",
            Self::Contract => "tenant's rent",
            Self::TenantUse => "tenant's utilisation",
            Self::TenantRevenue => "tenant's revenue",
            Self::Retrofit => "retrofit",
            Self::Conversion => "conversion of the device",
            Self::BuildOut => "build-out",
            Self::Hardware => "worth of the hardware",
            Self::HashesPerJoule => "hashes/J",
            Self::AiPower => "power of AI",
        }
    }
}

/// How far a number may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Doubt {
    /// Evenly distributed between these multiples of the value.
    Range(f64, f64),
    /// Normally distributed, with this standard deviation as a share of the value.
    Deviation(f64),
}

/// A multiple of each input, for a scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Factors {
    times: [f64; UncertainInput::ALL.len()],
    pub(super) mining: MiningYears,
}

/// The years that mining is valued over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum MiningYears {
    /// All that are decided about, with halvings and growth as they come.
    AsTheyCome,
    /// Years like today, after as many further halvings of the subsidy.
    LikeToday { halvings: i32 },
}

impl Factors {
    /// Every input as quoted or measured.
    pub(crate) const ONE: Self =
        Self { times: [1.0; UncertainInput::ALL.len()], mining: MiningYears::AsTheyCome };

    pub(crate) fn with(mut self, input: UncertainInput, times: f64) -> Self {
        self.times[input as usize] = times;
        self
    }

    /// Returns the same factors for years that are all like today, after `halvings` more halvings of
    /// the subsidy.
    pub(crate) fn like_today(self, halvings: i32) -> Self {
        Self { mining: MiningYears::LikeToday { halvings }, ..self }
    }

    pub(super) fn of(&self, input: UncertainInput) -> f64 {
        self.times[input as usize]
    }
}
