//! Runs `portal`, reads what it prints, and stops it.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Longer than anything here takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `portal`; killed when dropped.
pub(crate) struct Program {
    child: Child,
    stdout: Output,
    stderr: Output,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

/// What was printed so far, and whether more may come.
#[derive(Clone, Default)]
struct Output(Arc<(Mutex<(String, bool)>, Condvar)>);

impl Program {
    /// With these variables and no others, and no metrics: their ports would be those of the other programs.
    pub(crate) fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_portal"))
            .args(arguments)
            .env_clear()
            .envs([("PORTAL_METRICS__API_ADDR", ""), ("PORTAL_METRICS__WORKER_ADDR", "")])
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = Output::collect(child.stdout.take().unwrap());
        let stderr = Output::collect(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// Sends a signal: `INT`, `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn stop(self, signal: &str) -> Ended {
        self.signal(signal);
        self.end()
    }

    /// Waits until this was printed to standard output; returns everything printed there so far.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.stdout.wait_for(text).unwrap_or_else(|printed| {
            panic!("waited in vain for {text}; printed was:\n{printed}\n{}", self.stderr.now())
        })
    }

    /// The same for standard error.
    pub(crate) fn wait_for_log(&self, text: &str) -> String {
        self.stderr.wait_for(text).unwrap_or_else(|printed| panic!("waited in vain for {text}; logged was:\n{printed}"))
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        let began = Instant::now();
        let status = self.wait();
        let (stdout, stderr) = (self.stdout.all(), self.stderr.all());
        Ended { code: status.code(), stdout, stderr, took: began.elapsed() }
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "portal did not end: {}{}", self.stdout.now(), self.stderr.now());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Output {
    fn collect(mut from: impl Read + Send + 'static) -> Self {
        let output = Self::default();
        let into = output.clone();
        std::thread::spawn(move || {
            let (state, changed) = &*into.0;
            let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                bytes.extend_from_slice(&buffer[..read]);
                state.lock().unwrap().0 = String::from_utf8_lossy(&bytes).into_owned();
                changed.notify_all();
            }
            state.lock().unwrap().1 = true;
            changed.notify_all();
        });
        output
    }

    /// What was printed so far.
    fn now(&self) -> String {
        self.0.0.lock().unwrap().0.clone()
    }

    /// Everything until this was printed, or everything there is as an error.
    fn wait_for(&self, text: &str) -> Result<String, String> {
        let printed = self.wait_while(|printed| !printed.contains(text));
        if printed.contains(text) { Ok(printed) } else { Err(printed) }
    }

    fn all(&self) -> String {
        self.wait_while(|_| true)
    }

    /// Until the program closes it, or patience ends.
    fn wait_while(&self, waiting: impl Fn(&str) -> bool) -> String {
        let (state, changed) = &*self.0;
        let guard = state.lock().unwrap();
        let more = |(printed, ended): &mut (String, bool)| waiting(printed) && !*ended;
        changed.wait_timeout_while(guard, PATIENCE, more).unwrap().0.0.clone()
    }
}

/// Runs to the end.
pub(crate) fn portal(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    Program::start(arguments, variables).end()
}

impl Ended {
    /// The one line that says why it failed.
    pub(crate) fn complaint(&self) -> &str {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert_eq!(self.stdout, "");
        let line = self.stderr.strip_prefix("portal: ").and_then(|rest| rest.strip_suffix('\n'));
        line.filter(|line| !line.contains('\n')).unwrap_or_else(|| panic!("not one line: {}", self.stderr))
    }
}
