# The program, its packages and Node; nothing that builds, and nobody who is root.
# The tests hold the version of Node here against the one they run with.

FROM node:26.10.0-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY dev/copy-assets.ts ./dev/
COPY src ./src
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json && node dev/copy-assets.ts

FROM node:26.10.0-bookworm-slim AS packages
WORKDIR /packages
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:26.10.0-bookworm-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Sluice" \
      org.opencontainers.image.description="A read-only S3 content-delivery proxy" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Nothing runs npm here, and nothing is written but the cache: the root may be read-only.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /opt/yarn* \
    && install -d -o 65532 -g 65532 -m 0750 /var/cache/sluice
WORKDIR /opt/sluice
COPY package.json LICENSE ./
COPY --from=packages /packages/node_modules ./node_modules
COPY --from=build /build/dist ./dist
ENV NODE_ENV=production
USER 65532:65532
VOLUME ["/var/cache/sluice"]
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
# The operations listener of the container; the program asks, so that no curl is needed.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 \
    CMD ["node", "dist/health.js", "http://127.0.0.1:9090/ready"]
# The flag is that of the first line of main.js: the cache is to be known by the memory it takes.
ENTRYPOINT ["node", "--max-semi-space-size=4", "/opt/sluice/dist/main.js"]
CMD ["serve", "--config", "/etc/sluice/config.yaml"]
