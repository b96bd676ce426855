//! Which offers of drivers are one card, and through which interface it is used.
//!
//! Windows offers most cards twice, through Vulkan and through DirectX 12. A card that is listed
//! twice would be measured twice and would share its work with itself.

use super::AdapterKind;

/// Interfaces to drivers, those that are preferred first.
///
/// DirectX 12 is last: the compiler that wgpu falls back to there, FXC, takes minutes for code
/// without loops such as the search kernel.
const INTERFACES: [&str; 3] = ["vulkan", "metal", "dx12"];

/// A GPU as one interface offers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// One of [`INTERFACES`].
    pub(super) backend: &'static str,
    pub(super) kind: AdapterKind,
    /// PCI address, where it is known, as [`address`] writes it.
    pub(super) address: Option<String>,
    pub(super) name: String,
    pub(super) driver: String,
}

/// A GPU with all offers of it.
#[derive(Debug)]
pub(super) struct Card<T> {
    pub(super) used: Offer,
    /// What came with the offer that is used.
    pub(super) device: T,
    /// Offers of other interfaces.
    pub(super) others: Vec<Offer>,
}

/// Returns a PCI address, which is empty where a driver reports none, so that equal ones compare as
/// equal.
pub(super) fn address(reported: &str) -> Option<String> {
    Some(reported.to_ascii_lowercase()).filter(|it| !it.is_empty())
}

impl Offer {
    /// Returns what offers are sorted by. Only offers that are equal in all of it stay in the order
    /// in which drivers enumerate them.
    fn place(&self) -> impl Ord + '_ {
        let Self { backend, kind, address, name, driver } = self;
        let preference = INTERFACES.iter().position(|it| it == backend);
        (*kind, address.is_none(), address, name, preference, driver)
    }

    fn has_address_of(&self, other: &Self) -> bool {
        self.address.is_some() && self.address == other.address
    }

    /// Returns whether both may be one card although an address is missing.
    fn has_name_of(&self, other: &Self) -> bool {
        let unknown = self.address.is_none() || other.address.is_none();
        unknown && (self.kind, &self.name) == (other.kind, &other.name)
    }
}

impl<T> Card<T> {
    fn is_offered_through(&self, backend: &str) -> bool {
        self.used.backend == backend || self.others.iter().any(|other| other.backend == backend)
    }
}

/// Returns the cards that are offered, by kind, address and name; cards without an address come
/// after those of their kind that have one.
///
/// Each interface offers a card once. So two offers of one interface are two cards, however equal
/// they look, and each is paired with at most one offer of another interface.
pub(super) fn cards<T>(mut offers: Vec<(Offer, T)>) -> Vec<Card<T>> {
    forget_shared_addresses(&mut offers);
    offers.sort_by(|(a, _), (b, _)| a.place().cmp(&b.place()));
    let mut cards: Vec<Card<T>> = Vec::new();
    for backend in INTERFACES {
        let mut left: Vec<_> = offers.extract_if(.., |(it, _)| it.backend == backend).collect();
        // All addresses before any name, or a name would take the card that an address points to.
        for is_same in [Offer::has_address_of, Offer::has_name_of] {
            left.retain(|(offer, _)| {
                let card = cards
                    .iter_mut()
                    .find(|card| !card.is_offered_through(backend) && is_same(&card.used, offer));
                card.map(|card| card.others.push(offer.clone())).is_none()
            });
        }
        let alone = |(used, device)| Card { used, device, others: Vec::new() };
        cards.extend(left.into_iter().map(alone));
    }
    cards.sort_by(|a, b| a.used.place().cmp(&b.used.place()));
    cards
}

/// Removes addresses that several offers of DirectX 12 have. wgpu looks them up by the model of the
/// card and finds the first card of that model each time; a meter would read the wrong card.
fn forget_shared_addresses<T>(offers: &mut [(Offer, T)]) {
    let is_dx12 = |(offer, _): &&(Offer, T)| offer.backend == "dx12";
    let known: Vec<_> =
        offers.iter().filter(is_dx12).filter_map(|(offer, _)| offer.address.clone()).collect();
    for (offer, _) in offers.iter_mut().filter(|(offer, _)| offer.backend == "dx12") {
        let is_it = |address: &&String| offer.address.as_ref() == Some(address);
        if known.iter().filter(is_it).count() > 1 {
            offer.address = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0000:01:00.0";
    const B: &str = "0000:c1:00.0";

    fn offer(backend: &'static str, address: &str, name: &str) -> Offer {
        let software = name.starts_with("Microsoft");
        Offer {
            backend,
            kind: if software { AdapterKind::Software } else { AdapterKind::Discrete },
            address: super::address(address),
            name: name.to_owned(),
            driver: format!("driver of {backend}"),
        }
    }

    /// Returns `name address: interface that is used, others` of each card, and checks that no
    /// order of the offers changes it.
    fn listed(offers: &[Offer]) -> Vec<String> {
        let list = |offers: &[Offer]| {
            let offers: Vec<_> =
                offers.iter().map(|offer| (offer.clone(), offer.backend)).collect();
            let line = |card: Card<&str>| {
                assert_eq!(card.used.backend, card.device, "the device is that of the offer");
                let others = card.others.iter().map(|other| other.backend);
                let through: Vec<_> = [card.used.backend].into_iter().chain(others).collect();
                let address = card.used.address.unwrap_or_default();
                format!("{} {address}: {}", card.used.name, through.join(", "))
            };
            cards(offers).into_iter().map(line).collect::<Vec<_>>()
        };
        let expected = list(offers);
        for order in orders(offers) {
            assert_eq!(list(&order), expected, "{order:?}");
        }
        expected
    }

    fn orders(offers: &[Offer]) -> Vec<Vec<Offer>> {
        let [first, rest @ ..] = offers else { return vec![Vec::new()] };
        let insert = |rest: Vec<Offer>| {
            (0..=rest.len()).map(move |at| {
                let mut order = rest.clone();
                order.insert(at, first.clone());
                order
            })
        };
        orders(rest).into_iter().flat_map(insert).collect()
    }

    #[test]
    fn vulkan_is_used_whichever_interface_has_the_address() {
        for (of_vulkan, of_dx12) in [(A, A), (A, ""), ("", A), ("", "")] {
            let offers = [offer("dx12", of_dx12, "Card"), offer("vulkan", of_vulkan, "Card")];
            assert_eq!(listed(&offers), [format!("Card {of_vulkan}: vulkan, dx12")]);
        }
    }

    #[test]
    fn an_address_is_the_same_in_upper_case() {
        let upper = B.to_ascii_uppercase();
        for [of_vulkan, of_dx12] in [[&upper, B], [B, &upper]] {
            // By the name they would not be paired.
            let offers = [offer("vulkan", of_vulkan, "Card"), offer("dx12", of_dx12, "Same card")];
            assert_eq!(listed(&offers), ["Card 0000:c1:00.0: vulkan, dx12"]);
        }
    }

    #[test]
    fn an_address_pairs_other_names_and_kinds() {
        let mut virtual_card = offer("vulkan", A, "Card (virtual)");
        virtual_card.kind = AdapterKind::Virtual;
        let offers = [offer("dx12", A, "Card"), virtual_card];
        assert_eq!(listed(&offers), ["Card (virtual) 0000:01:00.0: vulkan, dx12"]);
    }

    #[test]
    fn equal_cards_stay_two() {
        for addresses in [
            // Vulkan's, then DirectX 12's.
            [A, B, A, B],
            [A, B, "", ""],
            ["", "", A, B],
            ["", "", "", ""],
            [A, B, A, ""],
            [A, B, "", B],
            [A, "", A, B],
            ["", B, A, ""],
            // What wgpu reports for two cards of a model.
            [A, B, A, A],
            [A, B, B, B],
            ["", "", A, A],
        ] {
            let through = ["vulkan", "vulkan", "dx12", "dx12"].into_iter().zip(addresses);
            let offers: Vec<_> =
                through.map(|(backend, address)| offer(backend, address, "Card")).collect();
            let mut of_vulkan = [addresses[0], addresses[1]];
            of_vulkan.sort_by_key(|address| (address.is_empty(), *address));
            let expected = of_vulkan.map(|address| format!("Card {address}: vulkan, dx12"));
            assert_eq!(listed(&offers), expected, "{addresses:?}");
        }
    }

    #[test]
    fn addresses_pair_before_names() {
        // The first card in order has no address under DirectX 12, the second has one.
        let offers = [
            offer("vulkan", A, "Card"),
            offer("vulkan", B, "Card"),
            Offer { driver: "of the first".into(), ..offer("dx12", "", "Card") },
            Offer { driver: "of the second".into(), ..offer("dx12", B, "Card") },
        ];
        let found = cards(offers.into_iter().map(|offer| (offer, ())).collect());
        let drivers: Vec<_> = found.iter().map(|card| &*card.others[0].driver).collect();
        assert_eq!(drivers, ["of the first", "of the second"]);
    }

    #[test]
    fn other_addresses_and_kinds_are_other_cards() {
        let offers = [offer("vulkan", B, "Card"), offer("dx12", A, "Card")];
        assert_eq!(listed(&offers), ["Card 0000:01:00.0: dx12", "Card 0000:c1:00.0: vulkan"]);
        let mut integrated = offer("dx12", "", "Radeon Graphics");
        integrated.kind = AdapterKind::Integrated;
        let offers = [integrated, offer("vulkan", A, "Radeon Graphics")];
        let expected = ["Radeon Graphics 0000:01:00.0: vulkan", "Radeon Graphics : dx12"];
        assert_eq!(listed(&offers), expected);
    }

    #[test]
    fn two_drivers_of_one_interface_are_two_entries() {
        let offers = [offer("vulkan", A, "Card"), offer("vulkan", A, "Card (open driver)")];
        let expected = ["Card 0000:01:00.0: vulkan", "Card (open driver) 0000:01:00.0: vulkan"];
        assert_eq!(listed(&offers), expected);
    }

    #[test]
    fn a_software_adapter_stays_apart_and_last() {
        let warp = offer("dx12", "", "Microsoft Basic Render Driver");
        let offers = [
            warp.clone(),
            offer("dx12", "", "Card"),
            offer("vulkan", A, "Card"),
            offer("dx12", B, "Other"),
            offer("vulkan", "", "Other"),
        ];
        let expected = [
            "Card 0000:01:00.0: vulkan, dx12",
            "Other : vulkan, dx12",
            "Microsoft Basic Render Driver : dx12",
        ];
        assert_eq!(listed(&offers), expected);
        assert_eq!(listed(&[warp]), expected[2..]);
    }

    #[test]
    fn what_only_directx_offers_is_listed_with_addresses_first() {
        let offers =
            [offer("dx12", "", "A card"), offer("dx12", B, "Card"), offer("dx12", A, "Other")];
        let expected = ["Other 0000:01:00.0: dx12", "Card 0000:c1:00.0: dx12", "A card : dx12"];
        assert_eq!(listed(&offers), expected);
        // Which of the two is at the address nobody knows.
        let equal = [offer("dx12", A, "Card"), offer("dx12", A, "Card")];
        assert_eq!(listed(&equal), ["Card : dx12", "Card : dx12"]);
        assert_eq!(listed(&[]), Vec::<String>::new());
    }
}
