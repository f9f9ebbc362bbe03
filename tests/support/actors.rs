//! Servers that are killed, stopped or raced are real processes: the binary of
//! the tests runs itself, and [`actor`] obeys commands on its standard input.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixListener;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::fs::{flock, FlockOperation};
use rustix::process::{kill_process, waitpid, Pid, Signal, WaitOptions};
use smartipc_native::ipc::lock::Holder;
use smartipc_native::ipc::transport::bind::{
    bind, bind_without_lock, BindError, BindOptions, BoundSocket,
};

use super::paths::options;

/// Another process, running [`actor`]; killed when dropped.
pub(crate) struct Actor {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Actor {
    pub(crate) fn spawn() -> Self {
        // What the harness calls `actor`: without the name of the binary.
        let (_, name) = concat!(module_path!(), "::actor").split_once("::").unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env("PATH_OWNERSHIP_ACTOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Actor {
            child,
            input,
            output,
        }
    }

    pub(crate) fn spawn_bound(what: &str, path: &str) -> Self {
        let mut actor = Actor::spawn();
        assert_eq!(actor.ask(&format!("bind {what} {path}")), "ok");
        actor
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn say(&mut self, command: &str) {
        writeln!(self.input, "{command}").unwrap();
    }

    pub(crate) fn answer(&mut self) -> String {
        loop {
            // The test harness writes to the same pipe.
            let mut line = String::new();
            assert_ne!(
                self.output.read_line(&mut line).unwrap(),
                0,
                "the actor died"
            );
            if let Some(answer) = line.strip_prefix("> ") {
                return answer.trim_end().to_owned();
            }
        }
    }

    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.say(command);
        self.answer()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.id().try_into().unwrap()).unwrap()
    }

    pub(crate) fn freeze(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
        let (_, status) = waitpid(Some(self.pid()), WaitOptions::UNTRACED)
            .unwrap()
            .unwrap();
        assert!(status.stopped());
    }

    pub(crate) fn thaw(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    /// `kill -9`, without a chance to clean up.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test: what the other processes do.
#[test]
fn actor() {
    if std::env::var_os("PATH_OWNERSHIP_ACTOR").is_none() {
        return;
    }
    let mut bound: Option<BoundSocket> = None;
    let mut foreign: Option<UnixListener> = None;
    let mut gate = None;
    for line in io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match words[..] {
            ["umask", mask] => {
                let mask = u32::from_str_radix(mask, 8).unwrap();
                rustix::process::umask(rustix::fs::Mode::from_bits_truncate(mask as _));
                String::new()
            }
            ["chdir", dir] => {
                std::env::set_current_dir(dir).unwrap();
                String::new()
            }
            ["gate", path] => {
                gate = Some(File::open(path).unwrap());
                "waiting".into()
            }
            ["bind" | "racy", ..] => {
                if let Some(gate) = gate.take() {
                    flock(&gate, FlockOperation::LockShared).unwrap();
                }
                let outcome = match words[..] {
                    ["bind", what, path] => bind(path.as_ref(), &parse(what)),
                    _ => {
                        let path = words[1].as_ref();
                        bind_without_lock(path, &options(), Duration::from_millis(1))
                    }
                };
                match outcome {
                    Ok(socket) => {
                        bound = Some(socket);
                        "ok".into()
                    }
                    Err(BindError::AddressInUse { .. }) => "in use".into(),
                    Err(error) => error.to_string(),
                }
            }
            ["foreign", backlog, path] => {
                let listener = UnixListener::bind(path).unwrap();
                rustix::net::listen(&listener, backlog.parse().unwrap()).unwrap();
                foreign = Some(listener);
                "ok".into()
            }
            ["serve"] => {
                let ours = bound.as_ref().map(BoundSocket::listener);
                let listener = ours.or(foreign.as_ref()).unwrap().try_clone().unwrap();
                listener.set_nonblocking(false).unwrap();
                std::thread::spawn(move || answer_all(&listener));
                "serving".into()
            }
            ["release"] => {
                let (_listener, guard) = bound.take().unwrap().into_parts();
                guard.release().unwrap().to_string()
            }
            ["cycle", times, path] => {
                let open = || fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
                let before = open();
                for _ in 0..times.parse().unwrap() {
                    drop(bind(path.as_ref(), &options()).unwrap());
                }
                (open() - before).to_string()
            }
            ["child-fds"] => {
                let list = ["-l", "/proc/self/fd"];
                let output = Command::new("ls").args(list).output().unwrap();
                String::from_utf8(output.stdout).unwrap().replace('\n', " ")
            }
            _ => panic!("{line}"),
        };
        print!("\n> {answer}\n");
        io::stdout().flush().unwrap();
    }
    std::process::exit(0);
}

/// Answers everybody who asks with our pid; who only looked in is passed over.
fn answer_all(listener: &UnixListener) {
    while let Ok((mut stream, _)) = listener.accept() {
        if stream.read(&mut [0]).is_ok_and(|count| count == 1) {
            write!(stream, "{}", std::process::id()).unwrap();
        }
    }
}

/// `server:660` or `hub:660`, always with cleanup.
fn parse(what: &str) -> BindOptions {
    let (holder, mode) = what.split_once(':').unwrap();
    BindOptions {
        mode: u32::from_str_radix(mode, 8).unwrap(),
        holder: if holder == "hub" {
            Holder::Hub
        } else {
            Holder::Server
        },
        ..options()
    }
}
