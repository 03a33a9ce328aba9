//! Asks for rooms that are not known: they were not filled yet, or may have changed unnoticed.

use std::{sync::Arc, time::Duration};

use common::{live_log::LiveLogError, live_rooms::LiveRooms};

use crate::registry::Registry;

/// Between two questions for the same room.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);
/// Rooms asked for at once.
const ROOMS_MAX: usize = 4_096;

/// Asks once for all that are not known, and tells their videos.
pub(crate) async fn ask(
    rooms: &dyn LiveRooms,
    registry: &Arc<Registry>,
) -> Result<(), LiveLogError> {
    let unknown = registry.unknown_rooms(ROOMS_MAX);
    if unknown.is_empty() {
        return Ok(());
    }
    let answers = rooms.rooms(&unknown).await?;
    for (video, room) in unknown.iter().zip(answers) {
        // Who can fill it will; until then it is asked for again.
        if let Some(events) = room {
            registry.room(video, events);
        }
    }
    Ok(())
}
