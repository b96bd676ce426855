//! Follows the node on a thread of its own: a new block calls old work back, a new template is the
//! next work, and a node that went away is waited for.

use std::convert::Infallible;
use std::thread;
use std::time::{Duration, Instant};

use bitcoin::Network;
use perjoule::block::BlockHash;

use crate::backoff::Backoff;
use crate::desk::Desk;
use crate::node::{Node, NodeError};
use crate::template::{Checked, Template};
use crate::told::tell;

/// How often a node that gave the same place again is asked at most.
const SPACING: Duration = Duration::from_secs(1);

/// The longest wait before a node that did not answer is asked again.
const LONGEST: Duration = Duration::from_secs(8);

/// How often a node may answer beside the point before its last template is given up.
const SLIPS: u32 = 3;

/// A template, when it was asked for, and when all of it was there.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) template: Template,
    pub(crate) asked: Instant,
    pub(crate) arrived: Instant,
}

/// Follows until an error that does not pass by waiting, which it leaves on the desk; or until that is
/// closed.
pub(crate) fn watch(node: &Node, network: Network, desk: &Desk<Work, NodeError>) {
    let mut watcher = Watcher {
        node,
        network,
        desk,
        backoff: Backoff::new(LONGEST),
        checked: Checked::default(),
        known: false,
        away: false,
    };
    let mut slips = 0;
    loop {
        let Err(error) = watcher.follow(&mut slips);
        // Not to the point for once, of a node that answered before.
        let slip = watcher.known && error.is_slip();
        if !error.passes() && !slip {
            return desk.fail(error);
        }
        slips += 1;
        if !slip || slips >= SLIPS {
            desk.clear();
        }
        if !watcher.away {
            tell(format_args!("{error} Waiting for it."));
            watcher.away = true;
        }
        if desk.wait_closed(watcher.backoff.wait()) {
            return;
        }
    }
}

struct Watcher<'a> {
    node: &'a Node,
    network: Network,
    desk: &'a Desk<Work, NodeError>,
    backoff: Backoff,
    checked: Checked,
    /// Whether it gave a template before.
    known: bool,
    away: bool,
}

impl Watcher<'_> {
    fn follow(&mut self, slips: &mut u32) -> Result<Infallible, NodeError> {
        // Another node may answer here than before.
        let chain = self.node.network()?;
        if chain != self.network {
            return Err(NodeError::OtherChain { chain, before: self.network });
        }
        let mut last: Option<(BlockHash, Instant)> = None;
        loop {
            let asked = Instant::now();
            let (template, arrived) = self.node.template(&mut self.checked)?;
            self.known = true;
            if std::mem::take(&mut self.away) {
                tell("the node is back");
            }
            let place = template.previous;
            if last.is_some_and(|(before, at)| before == place && at.elapsed() < SPACING) {
                // No block came, and yet the node did not wait for one. It is not asked all the time.
                thread::sleep(SPACING);
                continue;
            }
            last = Some((place, asked));
            let height = template.height;
            self.desk.lay(Work { template, asked, arrived });
            if self.node.wait_for_height(height)? {
                self.desk.clear();
            }
            *slips = 0;
            self.backoff.reset();
        }
    }
}
