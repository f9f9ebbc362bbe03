'use strict';

/** On Windows what follows a colon may be on another drive, or a hidden part of a file. */
const SEPARATOR = { win32: /[/\\:]/, other: /[/\\]/ };
/** What no name may have there. */
const FORBIDDEN = /[<>"|?*\p{Cc}]/gu;
/** Names of devices there, in every folder and with any extension. */
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)/i;

/**
 * The bare name of a received file: it must not lead its receiver to another
 * folder, and on Windows to no device either.
 *
 * @param {string} name
 * @param {string} [platform]
 */
function bareName(name, platform = process.platform) {
  const windows = platform === 'win32';
  let bare = name.replace(/\0/g, '').split(windows ? SEPARATOR.win32 : SEPARATOR.other).pop() || '';
  if (windows) {
    // Dots and spaces at the end are dropped there, and what remains is opened.
    bare = bare.replace(FORBIDDEN, '_').replace(/[. ]+$/, '');
    if (DEVICE.test(bare)) bare = `_${bare}`;
  }
  return bare === '' || bare === '.' || bare === '..' ? 'file' : bare;
}

module.exports = { bareName };
