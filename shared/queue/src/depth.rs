use aws_sdk_sqs::{Client, types::QueueAttributeName};
use serde::{Serialize, de::DeserializeOwned};

use crate::{DeadLetters, Queue, QueueError};

/// How full a queue is. SQS's own figures: they may lag behind by a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// The name of the queue.
    pub name: String,
    /// Messages that wait for somebody to take them.
    pub waiting: u64,
    /// Messages that somebody has taken and not yet worked off.
    pub taken: u64,
    /// Messages that are held back until later.
    pub held_back: u64,
    /// Messages that nothing could be done with.
    pub dead: u64,
}

impl<M: Serialize + DeserializeOwned> Queue<M> {
    /// How full the queue and its dead letters are. Two round trips; nothing is received, so nothing changes.
    pub async fn depth(&self) -> Result<Depth, QueueError> {
        let (own, dead) = (self.url(), DeadLetters::name(self.url()));
        let [waiting, taken, held_back] = figures(self.sqs.client(), own).await?;
        let [dead, taken_dead, _] = figures(self.sqs.client(), &dead).await?;
        let name = own.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(Depth { name, waiting, taken, held_back, dead: dead.saturating_add(taken_dead) })
    }
}

async fn figures(client: &Client, url: &str) -> Result<[u64; 3], QueueError> {
    let names = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ];
    let asked = client.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
    let told = asked.send().await.map_err(|error| QueueError::from_sdk(&error))?;
    let figure = |name| told.attributes()?.get(&name)?.parse().ok();
    Ok(names.map(|name| figure(name).unwrap_or_default()))
}
