//! Names that are unique, wanted by many at once.

use serde_json::json;

use crate::bench::Terrane;

#[test]
fn of_many_who_want_one_name_one_gets_it_and_the_others_are_told() {
    let terrane = Terrane::without_runner();
    for (kind, name) in [("workspaces", "wanted"), ("projects", "Wanted one")] {
        let document = json!({ "data": { "type": kind, "attributes": { "name": name } } });
        let answers: Vec<_> = std::thread::scope(|scope| {
            let post = || terrane.post(&format!("organizations/demo/{kind}"), &document);
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(post)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{kind}");
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            assert_eq!(answer.status, 422, "{kind}");
            assert_eq!(answer.error()["detail"], "Name has already been taken");
            assert_eq!(answer.error()["source"]["pointer"], "/data/attributes/name");
        }
    }
    // Renaming is wanting a name too.
    let ids: Vec<_> = (0..8).map(|number| terrane.create_workspace(&format!("w{number}"))).collect();
    let document = json!({ "data": { "type": "workspaces", "attributes": { "name": "renamed" } } });
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let patch = |id: &String| terrane.patch(&format!("workspaces/{id}"), &document).status;
        let threads: Vec<_> = ids.iter().map(|id| scope.spawn(move || patch(id))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 7, "{statuses:?}");
}
