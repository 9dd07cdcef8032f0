//! Reading logs.

use std::time::Duration;

use terrane_app::logs;
use terrane_app::signed_urls::{Grant, Purpose};

use crate::databases::each;

#[tokio::test]
async fn a_log_is_read_whatever_limit_is_asked_for() {
    each(async |world| {
        let run = world.queue(world.new_run()).await.run;
        let job = world.claim().await;
        world.log(&job, 0, "abc").await.unwrap();
        let grant = Grant { purpose: Purpose::Log, resource: run.plan_id.to_string(), subject: "nobody".to_owned() };
        for (limit, wanted) in [(0, "a"), (1, "a"), (2, "ab"), (usize::MAX, "abc")] {
            let read = tokio::time::timeout(Duration::from_secs(5), logs::read(&world.app, &grant, 0, limit));
            assert_eq!(read.await.unwrap().unwrap(), wanted, "{limit}");
        }
    })
    .await;
}
