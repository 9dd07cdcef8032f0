//! What `terrane dev` keeps from one start to the next.

use terrane_app::bootstrap::{DevPassword, dev_password};
use terrane_app::callers::Secret;

use crate::world::World;

async fn kept(world: &World, password: &str, checked_for: &str) -> Option<(String, String)> {
    let previous = DevPassword { password: Secret::new(password), checked_for: checked_for.to_owned() };
    let kept = dev_password(&world.app, Some(previous)).await.unwrap()?;
    Some((kept.password.reveal().to_owned(), kept.checked_for))
}

#[tokio::test]
async fn a_password_is_kept_while_it_is_the_one_and_checked_once_for_each_stored_hash() {
    let world = World::new(None).await;
    assert!(dev_password(&world.app, None).await.unwrap().is_some());
    assert!(dev_password(&world.app, None).await.unwrap().is_none(), "nobody tells which it is");

    let world = World::new(None).await;
    let made = dev_password(&world.app, None).await.unwrap().unwrap();
    let (password, checked_for) = (made.password.reveal(), made.checked_for.as_str());
    let same = Some((password.to_owned(), checked_for.to_owned()));
    assert_eq!(kept(&world, password, checked_for).await, same);
    assert_eq!(kept(&world, password, "").await, same, "one that was not checked yet");
    assert_eq!(kept(&world, "wrong", "").await, None);
    assert_eq!(kept(&world, "wrong", "another hash").await, None);
    let unchecked = Some(("wrong".to_owned(), checked_for.to_owned()));
    assert_eq!(kept(&world, "wrong", checked_for).await, unchecked, "a check was made again");
}
