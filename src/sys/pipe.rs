//! Windows named pipes: who may open one, and who has opened it.

use std::ffi::c_void;
use std::io;
use std::os::windows::io::AsRawHandle;
use std::ptr;

use tokio::net::windows::named_pipe::{NamedPipeClient, NamedPipeServer, ServerOptions};
use windows_sys::Win32::Foundation::{CloseHandle, LocalFree, HANDLE};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::{
    GetTokenInformation, TokenUser, PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES, TOKEN_QUERY,
    TOKEN_USER,
};
use windows_sys::Win32::System::Pipes::{GetNamedPipeClientProcessId, GetNamedPipeServerProcessId};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// Lets in the user of this process, the system and the administrators, who could
/// not be kept out anyway. The default of Windows lets everybody read.
#[derive(Debug)]
pub(crate) struct OwnerOnly {
    descriptor: LocalMemory,
}

// SAFETY: the descriptor is read only once it is made, and freed by one owner.
unsafe impl Send for OwnerOnly {}
// SAFETY: as above.
unsafe impl Sync for OwnerOnly {}

impl OwnerOnly {
    /// # Errors
    /// Those of the system, which should have none here but for want of memory.
    pub(crate) fn new() -> io::Result<Self> {
        let owner = current_user()?;
        // Protected: nothing is inherited. GA: all rights, which include that of
        // adding an instance. SY, BA: the system, the administrators.
        let text = wide(&format!("D:P(A;;GA;;;{owner})(A;;GA;;;SY)(A;;GA;;;BA)"));
        let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
        // SAFETY: the text ends with a zero, and the result is written where it
        // may be; its length is not asked for.
        let made = unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &mut descriptor,
                ptr::null_mut(),
            )
        };
        if made == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            descriptor: LocalMemory(descriptor),
        })
    }

    /// Makes an instance of a pipe that these may open.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn create(
        &self,
        options: &ServerOptions,
        name: &str,
    ) -> io::Result<NamedPipeServer> {
        let mut attributes = SECURITY_ATTRIBUTES {
            nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
            lpSecurityDescriptor: self.descriptor.0,
            // A child process must not keep the pipe open.
            bInheritHandle: 0,
        };
        // SAFETY: the attributes and the descriptor they name outlive the call.
        unsafe {
            options.create_with_security_attributes_raw(
                name,
                ptr::from_mut(&mut attributes).cast::<c_void>(),
            )
        }
    }
}

/// The process that has opened the client's end.
pub(crate) fn client_process(pipe: &NamedPipeServer) -> Option<u32> {
    let mut pid = 0;
    // SAFETY: the handle is open as long as `pipe` is borrowed.
    let known = unsafe { GetNamedPipeClientProcessId(pipe.as_raw_handle(), &mut pid) };
    (known != 0).then_some(pid)
}

/// The process that has made the server's end.
pub(crate) fn server_process(pipe: &NamedPipeClient) -> Option<u32> {
    let mut pid = 0;
    // SAFETY: the handle is open as long as `pipe` is borrowed.
    let known = unsafe { GetNamedPipeServerProcessId(pipe.as_raw_handle(), &mut pid) };
    (known != 0).then_some(pid)
}

/// The security identifier of this process's user, as text.
fn current_user() -> io::Result<String> {
    let token = Token::of_this_process()?;
    // In words, as the structure in it has to be aligned. A SID has at most 68
    // bytes, so this is enough for the structure and what it points to.
    let mut buffer = [0_usize; 32];
    let mut length = 0;
    // SAFETY: the buffer is writable for the length given.
    let got = unsafe {
        GetTokenInformation(
            token.0,
            TokenUser,
            buffer.as_mut_ptr().cast(),
            size_of_val(&buffer) as u32,
            &mut length,
        )
    };
    if got == 0 {
        return Err(io::Error::last_os_error());
    }
    let mut text = ptr::null_mut();
    // SAFETY: the call above has put a TOKEN_USER at the buffer's start, which is
    // aligned for it and outlives this call; so does the SID it points to.
    let converted = unsafe {
        let user = &*buffer.as_ptr().cast::<TOKEN_USER>();
        ConvertSidToStringSidW(user.User.Sid, &mut text)
    };
    if converted == 0 {
        return Err(io::Error::last_os_error());
    }
    let text = LocalMemory(text.cast());
    // SAFETY: on success it is a text that ends with a zero.
    Ok(unsafe { text_at(text.0.cast()) })
}

struct Token(HANDLE);

impl Token {
    fn of_this_process() -> io::Result<Self> {
        let mut token = ptr::null_mut();
        // SAFETY: the pseudo handle of the process is always valid, and the
        // token's is written where it may be.
        let opened = unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &mut token) };
        if opened == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(token))
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        // SAFETY: ours, open, and closed only here.
        unsafe { CloseHandle(self.0) };
    }
}

/// What the system has allocated for us.
#[derive(Debug)]
struct LocalMemory(*mut c_void);

impl Drop for LocalMemory {
    fn drop(&mut self) {
        // SAFETY: from a function that says to free its result so, and once.
        unsafe { LocalFree(self.0) };
    }
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain(Some(0)).collect()
}

/// # Safety
/// `at` must point to a text that ends with a zero.
unsafe fn text_at(at: *const u16) -> String {
    let mut length = 0;
    // SAFETY: up to the zero, says the caller.
    while unsafe { *at.add(length) } != 0 {
        length += 1;
    }
    // SAFETY: as above.
    String::from_utf16_lossy(unsafe { std::slice::from_raw_parts(at, length) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use windows_sys::Win32::Security::Authorization::{
        ConvertSecurityDescriptorToStringSecurityDescriptorW, GetSecurityInfo, SE_KERNEL_OBJECT,
    };
    use windows_sys::Win32::Security::DACL_SECURITY_INFORMATION;

    /// Who may do what with a pipe, as the system itself writes it down.
    fn access_list(pipe: &NamedPipeServer) -> String {
        let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
        let mut text = ptr::null_mut();
        // SAFETY: the handle is open, results are written where they may be, and
        // what the system has allocated is used before it is freed.
        unsafe {
            let got = GetSecurityInfo(
                pipe.as_raw_handle(),
                SE_KERNEL_OBJECT,
                DACL_SECURITY_INFORMATION,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                &mut descriptor,
            );
            assert_eq!(got, 0);
            let descriptor = LocalMemory(descriptor);
            let written = ConvertSecurityDescriptorToStringSecurityDescriptorW(
                descriptor.0,
                SDDL_REVISION_1,
                DACL_SECURITY_INFORMATION,
                &mut text,
                ptr::null_mut(),
            );
            assert_ne!(written, 0);
            let text = LocalMemory(text.cast());
            text_at(text.0.cast())
        }
    }

    #[tokio::test]
    async fn a_pipe_is_for_its_user_the_system_and_the_administrators() {
        let name = format!(r"\\.\pipe\owner-only-{}", std::process::id());
        let pipe = OwnerOnly::new()
            .and_then(|owner| owner.create(&ServerOptions::new(), &name))
            .expect("a pipe");
        let list = access_list(&pipe);
        let entries: Vec<&str> = list.matches("(A;").collect();
        assert_eq!(entries.len(), 3, "{list}");
        for who in [current_user().expect("a user").as_str(), "SY", "BA"] {
            assert!(list.contains(&format!(";;;{who})")), "{who} in {list}");
        }
        for nobody in ["WD", "AN", "AU", "BU"] {
            assert!(!list.contains(&format!(";;;{nobody})")), "{list}");
        }
    }
}
