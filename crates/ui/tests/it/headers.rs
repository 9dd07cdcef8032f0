//! What every page says to the browser besides itself.

use crate::browser::Answer;
use crate::world::World;

fn check(path: &str, answer: &Answer) {
    let policy = answer.header("content-security-policy");
    for part in ["default-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{path}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{path}: {policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000", "{path}");
    let is_asset = path.contains("/assets/");
    let is_kept = is_asset && answer.status.is_success() || is_stream(answer);
    assert_eq!(answer.header("cache-control") == "no-store", !is_kept, "{path}");
    for inline in ["<style", "style=\"", "<script>", "onclick", "javascript:", "http-equiv"] {
        assert!(!answer.body.contains(inline) || is_asset, "{path} has {inline}");
    }
}

fn is_stream(answer: &Answer) -> bool {
    answer.header("content-type") == "text/event-stream"
}

#[tokio::test]
async fn every_page_forbids_what_it_does_not_need() {
    let world = World::at("https://terrane.example.com").await;
    let version = world.states_in("app").await;
    world.unlock("app").await;
    let run = world.planned_run("app").await;
    let (team, project) = (world.team("readers").await, world.default_project().await);
    let mut browser = world.signed_in().await;
    let mut seen = 0;
    let pages = terrane_ui::pages();
    for page in &pages {
        let path = page
            .path
            .replace("/app/{organization}/workspaces/{workspace}/runs/{run}", &run)
            .replace("/app/{organization}/{workspace}/runs/{run}", &run.replace("/workspaces/", "/"))
            .replace("{organization}", "demo")
            .replace("{workspace}", "app")
            .replace("{phase}", "plan")
            .replace("{name}", "style.css")
            .replace("{link}", "used")
            .replace("{version}", &version)
            .replace("{team}", &team)
            .replace("{project}", &project);
        for method in ["GET", "POST"] {
            let answer = browser.send(method, &path, &[], String::new()).await;
            check(&path, &answer);
            // Only a look at a page that exists is answered with one; no form was sent by a page of ours.
            let can_be_seen = pages.iter().any(|other| other.path == page.path && other.method == "GET");
            let is_wrong = path.ends_with("/used") || path == "/oauth/authorization";
            let is_there = answer.status.is_success() || answer.status.is_redirection();
            assert_eq!(is_there, method == "GET" && can_be_seen && !is_wrong, "{method} {path}: {}", answer.status);
            seen += usize::from(is_there);
        }
        if !page.is_public && page.method == "GET" {
            let answer = world.browser().get(&path).await;
            assert!(answer.location().starts_with("/app/sign-in?next="), "{path}");
            check(&path, &answer);
        }
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn no_organization_can_take_the_name_of_a_page() {
    for page in terrane_ui::pages() {
        let word = page.path.split('/').nth(2).unwrap_or_default();
        let is_word = page.path.starts_with("/app/") && !word.starts_with('{');
        assert!(!is_word || terrane_domain::organizations::is_reserved(word), "{word}");
    }
}
