//! Who may do what: every route of the description, with every role.

use api::auth::Role;
use sqlx::PgPool;

use crate::app::App;
use crate::description::operations;

#[sqlx::test(migrations = false)]
async fn every_route_asks_for_a_token(pool: PgPool) {
    let app = App::new(pool).await;
    for operation in operations().iter().filter(|o| o.role.is_some()) {
        let at = format!("{} {}", operation.method, operation.path);
        let answer = app.call(&operation.method, &operation.example_path).send().await;
        assert_eq!(answer.outcome(), (401, "token_missing"), "{at}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"portal\"", "{at}");
        let answer = app.call(&operation.method, &operation.example_path).token("a.b.c").send().await;
        assert_eq!(answer.outcome(), (401, "token_invalid"), "{at}");
    }
}

#[sqlx::test(migrations = false)]
async fn every_route_opens_at_the_role_it_names_and_not_below(pool: PgPool) {
    let app = App::new(pool).await;
    for operation in operations() {
        let Some(needed) = operation.role.as_deref() else { continue };
        let needed = Role::from_name(needed).unwrap();
        for role in ["nobody"].into_iter().chain(Role::ALL.map(Role::name)) {
            let at = format!("{} {} as {role}", operation.method, operation.path);
            // without a body, so that nothing happens where the role is enough
            let answer = app.call(&operation.method, &operation.example_path).role(role).send().await;
            if Role::from_name(role).is_some_and(|role| role >= needed) {
                assert!(![401, 403].contains(&answer.status.as_u16()), "{at}: {}", answer.text);
            } else {
                assert_eq!(answer.outcome(), (403, "role_missing"), "{at}");
                assert!(answer.json["detail"].as_str().unwrap().contains(needed.name()), "{at}: {}", answer.text);
                assert!(answer.header("www-authenticate").contains("insufficient_scope"), "{at}");
            }
        }
    }
}
