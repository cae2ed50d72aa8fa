//! A virtual machine in software emulation, slow but with a kernel of its own: SELinux is on, and the memory and task
//! controllers are there.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::command::{command, quiet};

/// Boot, install and steps take two to four minutes on a machine that does nothing else.
const LIMIT: Duration = Duration::from_secs(1800);

/// What runs the script in the guest and then takes it down. The serial line is the way out.
const UNIT: &str = "[Unit]\n\
    After=dbus.socket systemd-journald.socket\n\
    [Service]\n\
    Type=exec\n\
    ExecStart=/bin/bash -c '{ echo; bash /srv/onedesk/virtual.sh; } >/dev/ttyS0 2>&1; systemctl --no-block poweroff'\n\
    [Install]\n\
    WantedBy=multi-user.target\n";

/// Runs `virtual.sh` in a machine made of `tree`, with `policy` loaded, and gives what it wrote.
pub fn run(work: &Path, served: &Path, tree: &Path, policy: &Path) -> Result<String> {
    println!("making the disk, with SELinux labels");
    let image = disk(work, served, tree, policy)?;
    let arguments = "root=/dev/vda rw console=ttyS0 quiet security=selinux selinux=1 enforcing=0 systemd.unit=multi-user.target";
    let mut qemu = command("qemu-system-x86_64", ["-M", "pc", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1536"]);
    qemu.args(["-nographic", "-no-reboot", "-nic", "none", "-append", arguments]);
    qemu.arg("-kernel").arg(boot_file(tree, "vmlinuz-")?).arg("-initrd").arg(boot_file(tree, "initrd.img-")?);
    qemu.arg("-drive").arg(format!("file={},format=raw,if=virtio,cache=unsafe", image.display()));
    let mut machine = Guard(qemu.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("cannot start qemu")?);
    let limit = Limit::set(machine.0.id());

    let stdout = machine.0.stdout.take().context("qemu has no output")?;
    let mut everything = String::new();
    // What the kernel and the service manager said, for whoever has to find out why a machine did not come up.
    let mut console = File::create(work.join("console.log"))?;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).trim_end_matches('\r').to_owned();
        writeln!(console, "{line}")?;
        if ["ok - ", "not ok - ", "    ", "figure: ", "# "].iter().any(|start| line.starts_with(start)) || line.ends_with(" failed") {
            println!("  {line}");
            everything.push_str(&line);
            everything.push('\n');
        }
    }
    machine.0.wait()?;
    drop(limit);
    fs::remove_file(image)?;
    Ok(everything)
}

fn disk(work: &Path, served: &Path, tree: &Path, policy: &Path) -> Result<PathBuf> {
    let seed = work.join("seed");
    if seed.exists() {
        fs::remove_dir_all(&seed)?;
    }
    quiet(command("cp", ["-a", "--reflink=auto"]).arg(tree).arg(&seed))?;
    fs::create_dir_all(seed.join("srv"))?;
    quiet(command("cp", ["-a"]).arg(served).arg(seed.join("srv/onedesk")))?;
    quiet(command("cp", [policy]).arg(seed.join("srv/onedesk/onedesk.pp")))?;
    let units = seed.join("etc/systemd/system");
    fs::create_dir_all(units.join("multi-user.target.wants"))?;
    fs::write(units.join("boot-test.service"), UNIT)?;
    quiet(command("ln", ["-sf", "../boot-test.service"]).arg(units.join("multi-user.target.wants/boot-test.service")))?;
    // It would hang up the line that the test writes to.
    quiet(command("ln", ["-sf", "/dev/null"]).arg(units.join("serial-getty@ttyS0.service")))?;

    quiet(command("semodule", ["--noreload", "--store=default"]).arg(format!("--path={}", seed.display())).arg("--install").arg(policy))?;
    let contexts = seed.join("etc/selinux/default/contexts/files/file_contexts");
    quiet(command("setfiles", ["-F", "-r"]).arg(&seed).arg(contexts).arg(&seed))?;

    let image = work.join("root.img");
    let _ = fs::remove_file(&image);
    quiet(command("mke2fs", ["-q", "-t", "ext4", "-E", "lazy_itable_init=1", "-d"]).arg(&seed).arg(&image).arg("2G"))?;
    fs::remove_dir_all(&seed)?;
    Ok(image)
}

fn boot_file(tree: &Path, start: &str) -> Result<PathBuf> {
    fs::read_dir(tree.join("boot"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start)))
        .with_context(|| format!("the tree has no {start}*"))
}

/// Ends the machine with us.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ends a machine that hangs: its output then ends, and with it the run.
struct Limit {
    done: std::sync::mpsc::Sender<()>,
}

impl Limit {
    fn set(id: u32) -> Self {
        let (done, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            if ended.recv_timeout(LIMIT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                println!("  the virtual machine did not end within {LIMIT:?}");
                let _ = quiet(&mut command("kill", ["-KILL", &id.to_string()]));
            }
        });
        Self { done }
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        let _ = self.done.send(());
    }
}
