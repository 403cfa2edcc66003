//! The real binaries as child processes, killed at the end of a test whatever happens, and what talks to them.
#![allow(dead_code, reason = "each test uses a part")]

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::Value;
use ureq::Agent;

/// How long anything may take that should take well under a second.
const PATIENCE: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_millis(10);

/// `bespin-local` with these settings and nothing else in its environment, on ports of its own choice.
pub(crate) fn bespin_local(settings: &[(&str, &str)]) -> Command {
    program(env!("CARGO_BIN_EXE_bespin-local"), settings)
}

/// `bespin-demo` with these settings and nothing else in its environment.
pub(crate) fn bespin_demo(settings: &[(&str, &str)]) -> Command {
    program(env!("CARGO_BIN_EXE_bespin-demo"), settings)
}

/// `bespin-prove` with these settings and nothing else in its environment.
pub(crate) fn bespin_prove(settings: &[(&str, &str)]) -> Command {
    program(env!("CARGO_BIN_EXE_bespin-prove"), settings)
}

fn program(path: &str, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(path);
    let ports = [("PORT", "0"), ("DYNAMODB_PORT", "0"), ("SQS_PORT", "0"), ("BESPIN_LOG", "warn")];
    command.env_clear().envs(ports).envs(settings.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a program to its end.
pub(crate) fn end_of(mut command: Command) -> Output {
    Killed(command.spawn().unwrap()).output()
}

/// Asserts that a program gives up with exit status 1 and one sentence, and gives the sentence.
#[track_caller]
pub(crate) fn refusal_of(command: Command) -> String {
    let output = end_of(command);
    let (told, shown) = (text(output.stderr), text(output.stdout));
    assert_eq!(output.status.code(), Some(1), "{told}{shown}");
    assert_eq!(told.lines().count(), 1, "{told}");
    told.trim_end().to_owned()
}

/// Bytes of a program as text.
pub(crate) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// A port of this machine that somebody else has, as long as the listener lives.
pub(crate) fn taken_port() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    (listener, port)
}

/// A child process that does not outlive its test.
struct Killed(Child);

impl Killed {
    /// Waits for the end, which must come soon.
    #[track_caller]
    fn end_within(&mut self, patience: Duration) -> ExitStatus {
        for _ in 0..patience.as_millis() / TICK.as_millis() {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            thread::sleep(TICK);
        }
        panic!("it does not end within {patience:?}");
    }

    /// Reads all that it prints until its end.
    fn output(mut self) -> Output {
        let read = |pipe: Box<dyn Read + Send>| {
            thread::spawn(move || {
                let mut bytes = Vec::new();
                BufReader::new(pipe).read_to_end(&mut bytes).unwrap();
                bytes
            })
        };
        let stdout = read(Box::new(self.0.stdout.take().unwrap()));
        let stderr = read(Box::new(self.0.stderr.take().unwrap()));
        let status = self.end_within(PATIENCE);
        Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A local cloud that runs.
pub(crate) struct LocalCloud {
    child: Killed,
    banner: String,
    later: mpsc::Receiver<String>,
}

impl LocalCloud {
    /// Starts it and waits for its banner.
    #[track_caller]
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        let mut command = bespin_local(settings);
        // Nobody reads it, and a full pipe would stop the child.
        command.stderr(Stdio::inherit());
        let mut child = Killed(command.spawn().unwrap());
        let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
        let (told, later) = mpsc::channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| told.send(line)));
        let mut banner = String::new();
        while !banner.contains("Ctrl-C stops it.") {
            banner.push_str(&later.recv_timeout(PATIENCE).unwrap());
            banner.push('\n');
        }
        Self { child, banner, later }
    }

    /// What it printed at its start.
    pub(crate) fn banner(&self) -> &str {
        &self.banner
    }

    /// The word after a name in the banner, such as `product` or `X-Tenant-ID`.
    #[track_caller]
    pub(crate) fn told(&self, name: &str) -> &str {
        let mut rows = self.banner.lines().filter_map(|line| line.trim().strip_prefix(name));
        rows.next().unwrap().split_whitespace().next().unwrap()
    }

    /// Where the product listens.
    pub(crate) fn port(&self) -> &str {
        self.told("product").rsplit(':').next().unwrap()
    }

    /// The credentials of the demo tenant, as headers.
    pub(crate) fn demo_tenant(&self) -> Caller {
        let header = |name: &str| (name.to_owned(), self.told(name).to_owned());
        Caller::new(self.port(), ["X-Tenant-ID", "X-User-ID", "X-API-Key"].map(header).into())
    }

    /// Sends a signal such as `TERM`.
    #[track_caller]
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.0.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Kills it, as a failing machine would.
    pub(crate) fn kill(&mut self) {
        self.child.0.kill().unwrap();
        self.child.0.wait().unwrap();
    }

    /// Waits for its end; the status and what it printed after the banner.
    #[track_caller]
    pub(crate) fn end_within(mut self, patience: Duration) -> (ExitStatus, String) {
        let status = self.child.end_within(patience);
        (status, self.later.iter().collect::<Vec<_>>().join("\n"))
    }

    /// Stops it politely, which must succeed.
    #[track_caller]
    pub(crate) fn stop(self) {
        self.signal("TERM");
        let (status, told) = self.end_within(PATIENCE);
        assert!(status.success(), "{status}: {told}");
    }
}

/// Somebody who sends requests to a local cloud.
#[derive(Clone)]
pub(crate) struct Caller {
    agent: Agent,
    url: String,
    headers: Vec<(String, String)>,
}

impl Caller {
    /// Somebody who sends these headers with every request.
    pub(crate) fn new(port: &str, headers: Vec<(String, String)>) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        Self { agent: config.build().into(), url: format!("http://127.0.0.1:{port}"), headers }
    }

    /// The same with one more header.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut headers = self.headers.clone();
        headers.push((name.to_owned(), value.to_owned()));
        Self { headers, ..self.clone() }
    }

    /// The status and body of a POST, or that there was no answer.
    pub(crate) fn try_post(&self, path: &str, body: &Value) -> Result<(u16, String), ureq::Error> {
        let mut post = self.agent.post(format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            post = post.header(name, value);
        }
        let mut answer = post.send_json(body)?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    }

    /// The status and body of a POST.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, String) {
        self.try_post(path, body).unwrap()
    }

    /// The status and body of a PUT.
    pub(crate) fn put(&self, path: &str, body: &Value) -> (u16, String) {
        let mut put = self.agent.put(format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            put = put.header(name, value);
        }
        let mut answer = put.send_json(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    /// The status and body of a GET.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut get = self.agent.get(format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            get = get.header(name, value);
        }
        let mut answer = get.call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }
}

/// The answer to the `curl` in a text, pasted into a shell; where there is no `curl`, to the same request.
#[track_caller]
pub(crate) fn paste(printed: &str) -> String {
    let from = printed.find("curl ").unwrap();
    let mut command = String::new();
    for line in printed[from..].lines() {
        command.push_str(line);
        command.push('\n');
        if !line.ends_with('\\') {
            break;
        }
    }
    if Command::new("curl").arg("--version").output().is_ok() {
        let output = Command::new("bash").args(["-c", &command]).output().unwrap();
        assert!(output.status.success(), "{command}");
        return text(output.stdout);
    }
    send_as_curl(&command)
}

fn send_as_curl(command: &str) -> String {
    let url = command.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    let (port, path) = url.trim_start_matches("http://localhost:").split_once('/').unwrap();
    let quoted = |option: &str| -> Vec<String> {
        let opening = format!("{option} '");
        let values = command.split(&opening).skip(1);
        values.map(|value| value.split('\'').next().unwrap().to_owned()).collect()
    };
    let header = |header: String| {
        let (name, value) = header.split_once(": ").unwrap();
        (name.to_owned(), value.to_owned())
    };
    let headers = quoted("-H").into_iter().map(header).collect();
    let caller = Caller::new(port, headers);
    match quoted("-d").first() {
        Some(body) => caller.post(&format!("/{path}"), &serde_json::from_str(body).unwrap()).1,
        None => caller.get(&format!("/{path}")).1,
    }
}
