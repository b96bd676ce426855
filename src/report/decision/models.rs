//! The models of a catalogue of data sheets, as a table.

use super::page::Page;
use crate::decision::site::{Catalogue, CatalogueDevice, GIB, Sheet};
use crate::units::text::plain;

/// Returns the models of a catalogue as tables for a terminal of 80 columns: mining machines, then cards.
#[must_use]
pub fn models(catalogue: &Catalogue) -> String {
    let mut page = Page::default();
    let common = |device: &CatalogueDevice| {
        let power = format!("{} W", plain(device.power.value()));
        vec![device.name.clone(), device.maker.clone(), device.released.clone(), power]
    };
    let (mut miners, mut cards) = (Vec::new(), Vec::new());
    for device in catalogue.devices() {
        let mut row = common(device);
        match device.sheet {
            Sheet::Miner { hashes_per_second } => {
                let tera = hashes_per_second / 1e12;
                row.extend([plain(tera), plain(device.power.value() / tera)]);
                miners.push(row);
            }
            Sheet::Card { memory_bytes, bytes_per_second, .. } => {
                let gib = memory_bytes / GIB;
                row.extend([plain(gib), plain(bytes_per_second / 1e9)]);
                cards.push(row);
            }
        }
    }
    page.table(&["miner", "maker", "since", "power", "TH/s", "J/TH"], &miners);
    page.line("");
    page.table(&["card", "maker", "since", "power", "GiB", "GB/s"], &cards);
    page.0
}
