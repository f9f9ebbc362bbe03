'use strict';

// A client, or a server for one client, as a channel calls either.

function clientEnd(client) {
  return {
    sendMessage: (type, payload, headers) => client.sendMessage(type, payload, headers),
    request: (type, payload, requestOptions) => client.request(type, payload, requestOptions),
    sendStream: (readable, streamOptions) => client.sendStream(readable, streamOptions),
    sendFile: (filePath, streamOptions) => client.sendFile(filePath, streamOptions),
    cancelOutgoingStream: (streamId) => client.cancelOutgoingStream(streamId),
    cancelIncomingStream: (streamId) => client.cancelIncomingStream(streamId),
  };
}

function serverEnd(server, clientId) {
  return {
    sendMessage: (type, payload, headers) => server.sendToClient(clientId, type, payload, headers),
    request: (type, payload, requestOptions) => server.requestClient(clientId, type, payload, requestOptions),
    sendStream: (readable, streamOptions) => server.sendStreamToClient(clientId, readable, streamOptions),
    sendFile: (filePath, streamOptions) => server.sendFileToClient(clientId, filePath, streamOptions),
    cancelOutgoingStream: (streamId) => server.cancelOutgoingStreamToClient(clientId, streamId),
    cancelIncomingStream: (streamId) => server.cancelIncomingStreamFromClient(clientId, streamId),
  };
}

module.exports = { clientEnd, serverEnd };
