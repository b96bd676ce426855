//! Follows the node on a thread of its own: a new block calls old work back, a new template is the
//! next work, and a node that went away is waited for.

use std::convert::Infallible;
use std::thread;
use std::time::{Duration, Instant};

use bitcoin::Network;
use perjoule::block::BlockHash;

use crate::desk::Desk;
use crate::node::{Node, NodeError};
use crate::template::Template;
use crate::told::line;

/// How long to wait before a node that did not answer is asked again.
pub(crate) const RETRY: Duration = Duration::from_secs(1);

/// A template, when it was asked for, and when all of it was there.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) template: Template,
    pub(crate) asked: Instant,
    pub(crate) arrived: Instant,
}

/// Follows until an error that does not pass by waiting, which it leaves on the desk.
pub(crate) fn watch(node: &Node, network: Network, desk: &Desk<Work, NodeError>) {
    let mut away = false;
    loop {
        let Err(error) = follow(node, network, desk, &mut away);
        if !error.passes() {
            return desk.fail(error);
        }
        desk.clear();
        if !away {
            eprintln!("{} Waiting for it.", line(error));
            away = true;
        }
        thread::sleep(RETRY);
    }
}

fn follow(
    node: &Node,
    network: Network,
    desk: &Desk<Work, NodeError>,
    away: &mut bool,
) -> Result<Infallible, NodeError> {
    // Another node may answer here than before.
    let chain = node.network()?;
    if chain != network {
        return Err(NodeError::OtherChain { chain, before: network });
    }
    let mut last: Option<(BlockHash, Instant)> = None;
    loop {
        let asked = Instant::now();
        let (template, arrived) = node.template()?;
        if std::mem::take(away) {
            eprintln!("the node is back");
        }
        let place = template.previous;
        if last.is_some_and(|(before, at)| before == place && at.elapsed() < RETRY) {
            // No block came, and yet the node did not wait for one. It is not asked all the time.
            thread::sleep(RETRY);
            continue;
        }
        last = Some((place, asked));
        let height = template.height;
        desk.lay(Work { template, asked, arrived });
        if node.wait_for_height(height)? {
            desk.clear();
        }
    }
}
