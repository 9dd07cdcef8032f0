//! How many SQL statements a page costs: few, and as many for a list of many as for a short one.

use terrane_app::{comments, state_versions};
use terrane_domain::ids::RunId;

use crate::browser::Browser;
use crate::world::{World, named, state};

/// Pages with the most statements that each may run, the look for the session among them.
const PAGES: &[(&str, u64)] = &[
    ("/app/demo/workspaces/app", 23),
    ("/app/demo/workspaces/states/states", 16),
    ("/app/demo/workspaces/states/states/{version}", 19),
    ("/app/demo/workspaces/app/settings/delete", 25),
    ("{run}", 26),
    ("/app/demo/settings/teams/{team}/tokens", 11),
];

async fn costs(world: &World, browser: &mut Browser, places: &[(&str, &str)]) -> Vec<u64> {
    let mut costs = Vec::new();
    for (page, most) in PAGES {
        let path = places.iter().fold((*page).to_owned(), |path, (name, value)| path.replace(name, value));
        let mut least = u64::MAX;
        // One of two may have had to look for the session.
        for _ in 0..2 {
            let before = world.app.store().statements();
            let answer = browser.get(&path).await;
            assert!(answer.status.is_success(), "{path}: {}", answer.body);
            least = least.min(world.app.store().statements() - before);
        }
        assert!(least <= *most, "{page} costs {least} statements, at most {most} are allowed");
        costs.push(least);
    }
    costs
}

#[tokio::test]
async fn a_page_costs_as_many_statements_with_many_rows_as_with_two() {
    let world = World::new().await;
    let (app, owner) = (&world.app, world.owner().await);
    let version = world.states_in("states").await;
    let run = world.waiting_run("app").await;
    let run_id: RunId = run.rsplit('/').next().unwrap().parse().unwrap();
    let team = world.team("platform").await;
    world.team_token(&team, "first").await;
    comments::create(app, &owner, run_id.clone(), "first".to_owned()).await.unwrap();
    let mut browser = world.signed_in().await;
    let places = [("{version}", version.as_str()), ("{run}", run.as_str()), ("{team}", team.as_str())];
    let few = costs(&world, &mut browser, &places).await;
    for number in 3..18 {
        comments::create(app, &owner, run_id.clone(), format!("comment {number}")).await.unwrap();
        world.queued_run("app", |_| {}).await;
        world.team_token(&team, &number.to_string()).await;
        state_versions::create(app, &owner, named("states"), state(number)).await.unwrap();
    }
    let many = costs(&world, &mut browser, &places).await;
    assert_eq!(few, many);
}
