//! The dev console and the playground, as a Lambda.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    bespin_edge::Edge::from_env()?.serve(bespin_fn_console::routes).await
}
