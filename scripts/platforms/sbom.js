'use strict';

// A bill of materials for an addon, in CycloneDX: the crates that are compiled into
// it. The JavaScript of the package has no dependencies.

const { spawnSync } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');

const { root, SetupError } = require('../setup.js');
const { ELSEWHERE, PLATFORMS } = require('./list.js');

/** Writes npm/<platform>/sbom.cdx.json, for the addon that lies beside it. */
function writeBillOfMaterials(platform) {
  // Windows' compilers differ in what they link, and not in the crates.
  const { target, features = [] } = PLATFORMS[platform] || ELSEWHERE[platform];
  const folder = path.join(root, 'npm', platform);
  const addon = fs.readFileSync(path.join(folder, `smartipc-native.${platform}.node`));
  const bill = billOfMaterials(metadata(target, features), platform, addon);
  fs.writeFileSync(path.join(folder, 'sbom.cdx.json'), `${JSON.stringify(bill, null, 2)}\n`);
}

function metadata(target, features) {
  const args = ['metadata', '--format-version=1', '--locked', '--filter-platform', target];
  if (features.length > 0) args.push('--features', features.join(','));
  const result = spawnSync('cargo', args, { cwd: root, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
  if (result.error || result.status !== 0) throw new SetupError(`cargo metadata failed: ${result.error ? result.error.message : result.stderr.trim()}`);
  return JSON.parse(result.stdout);
}

/**
 * @param {any} found what cargo metadata says
 * @param {string} platform
 * @param {Buffer} addon
 */
function billOfMaterials(found, platform, addon) {
  const packages = new Map(found.packages.map((it) => [it.id, it]));
  const nodes = new Map(found.resolve.nodes.map((it) => [it.id, it]));
  const own = packages.get(found.resolve.root);
  const linked = reachable(found.resolve.root, nodes, packages);
  const crates = [...linked].filter((id) => id !== own.id).map((id) => packages.get(id));
  crates.sort((a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version));
  const reference = (it) => `pkg:cargo/${it.name}@${it.version}`;
  const addonName = `smartipc-native-${platform}`;
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      component: {
        type: 'library',
        'bom-ref': `pkg:npm/${addonName}@${own.version}`,
        name: addonName,
        version: own.version,
        purl: `pkg:npm/${addonName}@${own.version}`,
        licenses: [{ expression: own.license }],
        hashes: [{ alg: 'SHA-256', content: crypto.createHash('sha256').update(addon).digest('hex') }],
      },
    },
    components: crates.map((it) => ({
      type: 'library',
      'bom-ref': reference(it),
      name: it.name,
      version: it.version,
      purl: reference(it),
      // Cargo's older way to write OR.
      ...(it.license ? { licenses: [{ expression: it.license.replace(/\//g, ' OR ') }] } : {}),
    })),
    dependencies: [
      { ref: `pkg:npm/${addonName}@${own.version}`, dependsOn: linkedFrom(own.id, nodes, packages).map((id) => reference(packages.get(id))) },
      ...crates.map((it) => ({ ref: reference(it), dependsOn: linkedFrom(it.id, nodes, packages).map((id) => reference(packages.get(id))) })),
    ],
  };
}

/** What ends up in the addon: no tests, no build scripts, no macros. */
function linkedFrom(id, nodes, packages) {
  const node = nodes.get(id);
  const ordinary = node.deps.filter((dep) => dep.dep_kinds.some(({ kind }) => kind === null));
  return ordinary.map((dep) => dep.pkg).filter((to) => !packages.get(to).targets.some(({ kind }) => kind.includes('proc-macro')));
}

function reachable(from, nodes, packages) {
  const seen = new Set();
  const next = [from];
  while (next.length > 0) {
    const id = next.pop();
    if (seen.has(id)) continue;
    seen.add(id);
    next.push(...linkedFrom(id, nodes, packages));
  }
  return seen;
}

module.exports = { billOfMaterials, metadata, writeBillOfMaterials };
