//! The system calls that a run may not make, whatever its user could do with them: those that reach into the kernel's
//! administration, into other processes, or into parts of the kernel where most holes have been found and that no
//! provider needs. The list follows the default profile of Docker, less what a process without capabilities cannot do
//! harm with. It names what is closed and lets through the rest: a program that is newer than the list still runs.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter, sock_filter,
};

use super::Failed;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Refused on every architecture.
const CLOSED: &[i64] = &[
    // Mounts and roots.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    // Namespaces.
    libc::SYS_unshare,
    libc::SYS_setns,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    // The kernel itself.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_vhangup,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    // The machine's clock and names.
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    // Keys belong to users, not to namespaces.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Where the holes are.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
];

#[cfg(target_arch = "x86_64")]
const CLOSED_HERE: &[i64] = &[
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_kexec_file_load,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
    libc::SYS__sysctl,
];
#[cfg(not(target_arch = "x86_64"))]
const CLOSED_HERE: &[i64] = &[];

/// Answered as if this kernel had not got them. Programs know what to do then: the flags of `clone3` cannot be looked
/// at, those of `clone` can.
const MISSING: &[i64] =
    &[libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];

/// Flags of `clone` that make namespaces.
const NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u64;

/// The only families of sockets: what terraform, its providers and name resolution speak.
const FAMILIES: [u64; 4] = [libc::AF_UNIX as u64, libc::AF_INET as u64, libc::AF_INET6 as u64, libc::AF_NETLINK as u64];

/// Requests by which one program types into the terminal of another.
const TYPING: [u64; 2] = [libc::TIOCSTI, libc::TIOCLINUX];

/// Personalities that are not refused: Linux, with or without 32 bits, and the question which one it is.
const PERSONALITIES: [u64; 5] = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];

fn condition(argument: u8, operation: SeccompCmpOp, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operation, value)
}

/// Refused if the argument is none of `values`.
fn none_of(argument: u8, values: &[u64]) -> Result<SeccompRule, seccompiler::BackendError> {
    let conditions = values.iter().map(|value| condition(argument, SeccompCmpOp::Ne, *value));
    SeccompRule::new(conditions.collect::<Result<_, _>>()?)
}

fn closed() -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = CLOSED.iter().chain(CLOSED_HERE).map(|call| (*call, Vec::new())).collect();
    // Any one of the namespaces is enough.
    let namespaces = (0..u64::BITS).map(|bit| 1 << bit).filter(|bit| NAMESPACES & bit != 0);
    let makes = |bit| SeccompRule::new(vec![condition(0, SeccompCmpOp::MaskedEq(bit), bit)?]);
    rules.insert(libc::SYS_clone, namespaces.map(makes).collect::<Result<_, _>>()?);
    for call in [libc::SYS_socket, libc::SYS_socketpair] {
        rules.insert(call, vec![none_of(0, &FAMILIES)?]);
    }
    let types = |request: &u64| SeccompRule::new(vec![condition(1, SeccompCmpOp::Eq, *request)?]);
    rules.insert(libc::SYS_ioctl, TYPING.iter().map(types).collect::<Result<_, _>>()?);
    rules.insert(libc::SYS_personality, vec![none_of(0, &PERSONALITIES)?]);
    Ok(rules)
}

fn program(rules: Rules, error: i32) -> Result<BpfProgram, seccompiler::BackendError> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let refuse = SeccompAction::Errno(error.cast_unsigned());
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, architecture)?.try_into()
}

/// On x86-64, the same calls have a second set of numbers, which no list above knows: all of them are missing.
fn second_numbers() -> BpfProgram {
    let instruction = |code: u32, jt, k| sock_filter { code: u16::try_from(code).unwrap_or(0), jt, jf: 0, k };
    let answer = libc::BPF_RET | libc::BPF_K;
    vec![
        // The number is the first word that a filter sees.
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 1, 0x4000_0000),
        instruction(answer, 0, libc::SECCOMP_RET_ALLOW),
        instruction(answer, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned()),
    ]
}

/// From now on the filters hold for this process and all that it starts; new privileges must be forbidden before.
pub(super) fn enforce() -> Result<(), Failed> {
    let missing = MISSING.iter().map(|call| (*call, Vec::new())).collect();
    let programs = || Ok([program(closed()?, libc::EPERM)?, program(missing, libc::ENOSYS)?, second_numbers()]);
    let programs =
        programs().map_err(|error: seccompiler::BackendError| Failed::at("make a filter of system calls")(error))?;
    for program in programs {
        apply_filter(&program).map_err(Failed::at("put a filter of system calls in force"))?;
    }
    Ok(())
}
